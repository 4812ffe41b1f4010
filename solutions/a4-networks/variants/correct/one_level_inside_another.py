"""A level enlarges what the next deeper one gives: the way down and up again is a recursion."""

import torch
import torch.nn.functional as F
from torch import nn

SOLVES = ("UNet", "overfit")


class UNet(nn.Module):
    def __init__(self, in_channels, classes, width=8, depth=3):
        super().__init__()
        self.depth = depth
        layers = {}
        before, after = in_channels, width
        for level in range(depth + 1):
            layers[f"down.{level}"] = (before, after)
            if level < depth:
                layers[f"up.{level}"] = (2 * after, after)
            before, after = after, 2 * after
        self.down = nn.ModuleDict()
        self.up = nn.ModuleDict()
        for name, (read, made) in layers.items():
            way, level = name.split(".")
            block = nn.ModuleDict()
            block["conv1"] = nn.Conv2d(read, made, 3, padding=1, bias=False)
            block["conv2"] = nn.Conv2d(made, made, 3, padding=1, bias=False)
            block["norm1"], block["norm2"] = nn.BatchNorm2d(made), nn.BatchNorm2d(made)
            if way == "up":
                block["enlarge"] = nn.ConvTranspose2d(2 * made, made, 2, 2)
            getattr(self, way)[level] = block
        self.score = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        if x[0:0, 0:0].shape[2] < 2**self.depth or x.shape[3] < 2**self.depth:
            raise ValueError("the poolings need a larger image")
        return self.score(self.level(0, x))

    def level(self, number, x):
        skip = self.block(self.down[str(number)], x)
        if number == self.depth:
            return skip
        enlarge = self.up[str(number)]["enlarge"]
        below = enlarge(self.level(number + 1, nn.functional.max_pool2d(skip, 2)))
        missing = [skip.shape[i] - below.shape[i] for i in (3, 2)]
        below = nn.ZeroPad2d((0, missing[0], 0, missing[1]))(below)
        return self.block(self.up[str(number)], torch.cat([skip, below], 1))

    def block(self, layers, x):
        x = F.relu(layers["norm1"](layers["conv1"](x)))
        return F.relu(layers["norm2"](layers["conv2"](x)))


def overfit(images, labels, classes, steps=100):
    """Trains the network above, of two levels, with weights of zero for void."""
    known = (labels != 255).float()
    if labels.shape != torch.Size([len(images), *images.shape[2:]]) or known.sum() == 0:
        raise ValueError("labels")
    net = UNet(images.shape[1], classes, 8, 1)
    optimiser = torch.optim.RMSprop(net.parameters(), lr=0.003)
    losses = []
    for _ in range(steps):
        each = F.cross_entropy(net(images), labels * known.long(), reduction="none")
        loss = (each * known).sum() / known.sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return net.eval(), losses
