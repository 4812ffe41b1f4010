"""Solves: output_size, im2col."""

# %%
def output_size(n: int, k: int, s: int = 1, p: int = 0, d: int = 1) -> int:
    """How many windows of ``k`` pixels fit into ``n`` pixels with stride ``s``, padding ``p`` and dilation ``d``.

    Raises ValueError if no window fits or a parameter makes no sense.
    """
    for name, value, least in [("k", k, 1), ("s", s, 1), ("p", p, 0), ("d", d, 1)]:
        if value < least:
            raise ValueError(f"{name} must be at least {least}, but is {value}")
    numerator = n + 2 * p - d * (k - 1) - 1
    if numerator < 0:
        raise ValueError("No window fits.")
    return numerator // s + 1

# %%
print(output_size(7, 3), output_size(224, 7, 2, 3))

# %%
def im2col(
    x: torch.Tensor,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] = 1,
    dilation: int | tuple[int, int] = 1,
) -> torch.Tensor:
    """All windows of ``x``, shape (N, C, H, W), as a view of shape (N, C, kh, kw, H_out, W_out).

    Raises ValueError if the window does not fit.
    """
    (kh, kw), (sh, sw), (dh, dw) = pair(kernel_size), pair(stride), pair(dilation)
    N, C, H, W = x.shape
    Hout, Wout = output_size(H, kh, sh, d=dh), output_size(W, kw, sw, d=dw)
    jump = x.stride()
    size = (N, C, kh, kw, Hout, Wout)
    jumps = (jump[0], jump[1], jump[2] * dh, jump[3] * dw, jump[2] * sh, jump[3] * sw)
    return x.as_strided(size, jumps)

# %%
x = torch.arange(12.0).view(1, 1, 3, 4)
print(im2col(x, 2)[0, 0, :, :, 0, 0])

# %%
def conv2d(
    x: torch.Tensor,
    w: torch.Tensor,
    b: torch.Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
) -> torch.Tensor:
    # TODO
    raise NotImplementedError()
