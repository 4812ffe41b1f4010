"""Uses one mean and one deviation for the whole image."""

FAILS = {"local_contrast_norm": "wrong"}


def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    if window < 1 or window % 2 == 0 or sigma <= 0:
        raise ValueError("the window should be odd and sigma positive")
    v = x - x.mean((1, 2, 3), keepdim=True)
    return v / v.square().mean((1, 2, 3), keepdim=True).sqrt().clamp(min=eps)
