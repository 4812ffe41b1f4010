"""Visits every place of the kernel to check it, and only then makes its view."""

FAILS = {"im2col": "loops"}


def im2col(x, kernel_size, stride=1, dilation=1):
    (kh, kw), (sh, sw), (dh, dw) = (v if isinstance(v, tuple) else (v, v) for v in (kernel_size, stride, dilation))
    oh, ow = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1, (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    if oh < 1 or ow < 1:
        raise ValueError("the window does not fit")
    for i in range(kh):
        for j in range(kw):
            if i * dh >= x.shape[2] or j * dw >= x.shape[3]:
                raise ValueError("a place of the kernel is outside of the image")
    return (
        x.unfold(2, dh * (kh - 1) + 1, sh).unfold(3, dw * (kw - 1) + 1, sw)[..., ::dh, ::dw].permute(0, 1, 4, 5, 2, 3)
    )
