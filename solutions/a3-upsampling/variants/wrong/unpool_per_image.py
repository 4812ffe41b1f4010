"""Lets indices count through all channels of an image."""

FAILS = {"max_unpool2d": "wrong"}
HINT = "You probably put all channels of an image into one row; each plane counts from 0 again."


def max_unpool2d(values, indices, output_size):
    height, width = output_size
    if values.shape != indices.shape:
        raise ValueError("values and indices differ in shape")
    if ((indices < 0) | (indices >= height * width)).any():
        raise ValueError("an index is outside of the plane")
    n, c = values.shape[:2]
    y = values.new_zeros(n, c * height * width).scatter_reduce(
        1, indices.flatten(1), values.flatten(1), "amax", include_self=False
    )
    return y.view(n, c, height, width)
