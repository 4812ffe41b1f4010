"""Scales each map before the interpolation so that nothing is tiny, and once more after it."""

import torch
from torch import nn

SOLVES = ("grad_cam",)


class Cam:
    def __init__(self, activations, gradients):
        if activations.ndim != 4 or gradients.ndim != 5:
            raise ValueError
        if gradients.shape[:1] + gradients.shape[2:] != activations.shape:
            raise ValueError
        self.kind = activations.dtype
        self.a, self.g = (t.float() if t.dtype == torch.float16 else t for t in (activations, gradients))

    def weights(self):
        return self.g.sum((-2, -1)) / (self.g.shape[-1] * self.g.shape[-2])

    def maps(self, size):
        total = (self.weights().unsqueeze(-1).unsqueeze(-1) * self.a.unsqueeze(1)).sum(2)
        coarse = torch.maximum(total, torch.zeros_like(total))
        return self.scaled(nn.Upsample(size=size, mode="bilinear")(self.scaled(coarse)))

    @staticmethod
    def scaled(maps):
        top = maps.amax(dim=(-2, -1), keepdim=True)
        return (maps / top).masked_fill(top == 0, 0.0)


def grad_cam(activations, gradients, size):
    size = (size, size) if isinstance(size, int) else tuple(size)
    if not all(n >= 1 for n in size):
        raise ValueError
    cam = Cam(activations, gradients)
    return [cam.weights().to(cam.kind), cam.maps(size).to(cam.kind)]
