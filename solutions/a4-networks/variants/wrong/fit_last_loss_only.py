"""Returns the last loss alone."""

import torch
import torch.nn.functional as F
from torch import nn

FAILS = {"overfit": "wrong"}
HINT = "You probably return the last loss; the text asks for a list of all of them."


def build(channels, classes):
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, classes, 1),
    )


def overfit(images, labels, classes, steps=100):
    if labels.shape != (len(images), *images.shape[2:]):
        raise ValueError("labels of another shape")
    if (labels == 255).all():
        raise ValueError("everything is void")
    net = build(images.shape[1], classes)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = F.cross_entropy(net(images), labels, ignore_index=255)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return net.eval(), losses[-1]
