"""Two levels with a skip and group normalisation, and a learning rate that falls."""

import torch
import torch.nn.functional as F
from torch import nn

SOLVES = ("overfit",)


class Small(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(channels, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.ReLU())
        self.deep = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.GroupNorm(2, 16), nn.ReLU())
        self.up = nn.Sequential(nn.Conv2d(24, 16, 3, padding=1), nn.GroupNorm(2, 16), nn.ReLU())
        self.score = nn.Conv2d(16, classes, 1)

    def forward(self, x):
        skip = self.down(x)
        deep = F.interpolate(self.deep(F.max_pool2d(skip, 2)), size=skip.shape[2:])
        return self.score(self.up(torch.cat([skip, deep], 1)))


def overfit(images, labels, classes, steps=100):
    if labels.shape != images.shape[:1] + images.shape[2:] or bool((labels == 255).all()):
        raise ValueError("these are no labels for these images")
    net = Small(images.shape[1], classes)
    optimiser = torch.optim.AdamW(net.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.1, max(steps, 1))
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(net(images), labels, ignore_index=255)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    net.eval()
    return net, losses
