"""Pixels as rows, a softmax of one's own, and messages as all less one's own."""

import torch

SOLVES = ("mean_field_step",)


def softmax(x):
    x = x - x.amax(-1, keepdim=True).detach()
    e = x.exp()
    return e / e.sum(-1, keepdim=True)


class Kernel:
    def __init__(self, image, appearance, smoothness):
        self.appearance, self.smoothness = appearance, smoothness
        if min(appearance[1], appearance[2], smoothness[1]) <= 0:
            raise ValueError
        height, width = image.shape[-2:]
        grid = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij"), -1)
        self.places = grid.flatten(0, 1).to(image.dtype)
        self.colours = image.permute(0, 2, 3, 1).flatten(1, 2)

    def matrix(self):
        strong, alpha, beta = self.appearance
        smooth, gamma = self.smoothness
        where = self.places.unsqueeze(0)
        features = torch.cat([(where / alpha).expand(len(self.colours), -1, -1), self.colours / beta], -1)
        return strong * self.gaussian(features) + smooth * self.gaussian(where / gamma)

    @staticmethod
    def gaussian(features):
        return torch.exp(-(features.unsqueeze(2) - features.unsqueeze(1)).pow(2).sum(-1) / 2)


def mean_field_step(unary, image, q, appearance=(1.0, 3.0, 0.5), smoothness=(1.0, 1.0), compatibility=None):
    if unary.ndim != 4 or image.ndim != 4 or q.shape != unary.shape or image[:, 0].shape != unary[:, 0].shape:
        raise ValueError
    k = unary.shape[1]
    if compatibility is not None and compatibility.shape != (k, k):
        raise ValueError
    kind = torch.float32 if unary.dtype == torch.float16 else unary.dtype
    matrix = Kernel(image.to(kind), appearance, smoothness).matrix()
    matrix = matrix - torch.diag_embed(matrix.diagonal(dim1=1, dim2=2))
    old = q.to(kind).permute(0, 2, 3, 1).flatten(1, 2)
    messages = torch.bmm(matrix, old)
    if compatibility is None:
        pairwise = messages.sum(-1, keepdim=True) - messages
    else:
        pairwise = messages @ compatibility.to(kind).T
    new = softmax(-(unary.to(kind).permute(0, 2, 3, 1).flatten(1, 2) + pairwise))
    return new.unflatten(1, unary.shape[2:]).permute(0, 3, 1, 2).to(unary.dtype)
