"""Tables that are one where a weight of a channel reads a row for another one; NaN takes a way of its own."""

import torch

SOLVES = ("dilated_conv2d",)


def dilated_conv2d(x, w, dilations=1):
    if x.shape[1] != w.shape[1]:
        raise ValueError("channels")
    if isinstance(dilations, torch.Tensor):
        if dilations.shape != torch.Size([w.shape[0], 2]):
            raise ValueError("pairs")
    else:
        dilations = torch.as_tensor(dilations).broadcast_to(w.shape[0], 2)
    if bool(torch.any(dilations < 1)):
        raise ValueError("dilations")

    def reads(size, k, d):
        """Shape (O, k, size, size): whether output row i takes what weight a of channel o finds in row r."""
        here = torch.arange(size).view(1, 1, size, 1)
        from_here = d.view(-1, 1, 1, 1) * torch.arange(k).view(1, k, 1, 1) - (d * (k - 1) >> 1).view(-1, 1, 1, 1)
        return here + from_here == torch.arange(size)

    down, right = reads(x.shape[2], w.shape[2], dilations[:, 0]), reads(x.shape[3], w.shape[3], dilations[:, 1])

    def layer(image, weights):
        mixed = torch.einsum("ncrs,ocae->noaers", image, weights)
        mixed = torch.einsum("noaers,oair->noeis", mixed, down.to(image.dtype))
        return torch.einsum("noeis,oejs->noij", mixed, right.to(image.dtype))

    lost = x.isnan()
    if not lost.any():
        return layer(x, w)
    y, touched = layer(torch.where(lost, 0, x), w), layer(lost.to(x.dtype), torch.ones_like(w))
    return torch.where(touched > 0, torch.nan, y)
