"""Layers as objects with a forward and a backward method, and functions that use them."""

import torch
from torch import nn

SOLVES = ("conv2d", "conv2d_backward", "max_pool2d")


class Window:
    """How windows lie on a padded image."""

    def __init__(self, kernel, stride, padding, dilation=1):
        self.kernel, self.stride, self.padding, self.dilation = map(self._pair, (kernel, stride, padding, dilation))

    @staticmethod
    def _pair(value):
        return (value, value) if isinstance(value, int) else tuple(value)

    @property
    def reach(self):
        return tuple(d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True))

    def __getitem__(self, image):
        """All windows of ``image``: N, C, Ho, Wo, kh, kw."""
        if self.reach[0] > image.shape[2] or self.reach[1] > image.shape[3]:
            raise ValueError(f"windows of {self.reach} on an image of {tuple(image.shape[2:])}")
        cut = image.unfold(2, self.reach[0], self.stride[0]).unfold(3, self.reach[1], self.stride[1])
        return cut[..., :: self.dilation[0], :: self.dilation[1]]

    def surround(self, image, value=0.0):
        (top, left) = self.padding
        return nn.functional.pad(image, (left, left, top, top), value=value)

    def release(self, image, like):
        (top, left), (height, width) = self.padding, like.shape[2:]
        return image.narrow(2, top, height).narrow(3, left, width)


class Layer(nn.Module):
    """A convolution that knows its way back."""

    def __init__(self, weight, bias, window):
        super().__init__()
        self.weight, self.bias, self.window = weight, bias, window

    def forward(self, x):
        if x.shape[1] != self.weight.shape[1]:
            raise ValueError("the image has other channels than the kernel")
        y = torch.einsum("ocij,ncuvij->nouv", self.weight, self.window[self.window.surround(x)])
        return y if self.bias is None else y + self.bias.view(-1, 1, 1)

    def backward(self, grad, x):
        padded = self.window.surround(x)
        windows = self.window[padded]
        if grad.shape != (len(x), len(self.weight), *windows.shape[2:4]):
            raise ValueError("this gradient is not of this layer's output")
        # What each window would add to the padded image, added where the window is.
        share = torch.einsum("nouv,ocij->ncuvij", grad, self.weight)
        planes = torch.arange(padded.shape[2] * padded.shape[3]).view(1, 1, *padded.shape[2:])
        where = self.window[planes].expand(share.shape).flatten(2)
        back = torch.zeros_like(padded).flatten(2).scatter_add(2, where, share.flatten(2)).view(padded.shape)
        return self.window.release(back, x), torch.einsum("nouv,ncuvij->ocij", grad, windows), grad.sum([0, 2, 3])


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    return Layer(w, b, Window(tuple(w.shape[2:]), stride, padding, dilation))(x)


def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    with torch.no_grad():
        return Layer(w, None, Window(tuple(w.shape[2:]), stride, padding)).backward(grad_out, x)


def max_pool2d(x, kernel_size, stride=None, padding=0):
    window = Window(kernel_size, kernel_size if stride is None else stride, padding)
    if any(2 * p > k for p, k in zip(window.padding, window.kernel, strict=True)):
        raise ValueError("more padding than half of a window")
    seen = window[window.surround(x, -torch.inf)].flatten(-2)
    best = torch.argmax(seen, dim=-1)
    values = torch.gather(seen, -1, best.unsqueeze(-1)).squeeze(-1)
    row = window.stride[0] * torch.arange(best.shape[2]).view(-1, 1) + best.div(window.kernel[1], rounding_mode="floor")
    column = window.stride[1] * torch.arange(best.shape[3]) + best.remainder(window.kernel[1])
    # The first place of a window with nothing but -inf may lie in the padding, before its first pixel.
    row, column = (row - window.padding[0]).clamp(min=0), (column - window.padding[1]).clamp(min=0)
    return values, row * x.shape[3] + column
