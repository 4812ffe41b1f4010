"""Lets indices count through the whole batch."""

FAILS = {"max_unpool2d": "wrong"}
HINT = "You probably put the whole batch into one row; each plane counts from 0 again."


def max_unpool2d(values, indices, output_size):
    height, width = output_size
    if values.shape != indices.shape:
        raise ValueError("values and indices differ in shape")
    if ((indices < 0) | (indices >= height * width)).any():
        raise ValueError("an index is outside of the plane")
    y = values.new_zeros(values.shape[0] * values.shape[1] * height * width)
    y = y.scatter_reduce(0, indices.flatten(), values.flatten(), "amax", include_self=False)
    return y.view(*values.shape[:2], height, width)
