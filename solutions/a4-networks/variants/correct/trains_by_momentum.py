"""Gradient descent with momentum; the loss is summed over the pixels of the set and divided by their number."""

import torch
from torch import nn

SOLVES = ("overfit",)


def overfit(images, labels, classes, steps=100):
    if tuple(labels.shape) != (images.shape[0], images.shape[2], images.shape[3]):
        raise ValueError("labels")
    known = labels != 255
    if not known.any():
        raise ValueError("void")
    net = nn.Sequential(
        nn.Conv2d(images.shape[1], 24, 5, padding=2, bias=False),
        nn.BatchNorm2d(24),
        nn.ReLU(),
        nn.Conv2d(24, classes, 1),
    )
    descent = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    right, losses = labels[known], []
    while len(losses) < steps:
        scores = net(images).movedim(1, -1)[known]  # labelled pixels, classes
        loss = (scores.logsumexp(1) - scores[torch.arange(len(right)), right]).sum() / len(right)
        net.zero_grad()
        loss.backward()
        descent.step()
        losses.append(float(loss))
    net.train(False)
    return net, losses
