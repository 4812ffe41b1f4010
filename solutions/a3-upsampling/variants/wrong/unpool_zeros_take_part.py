"""Lets the zeros of empty places take part in the maximum."""

FAILS = {"max_unpool2d": "wrong"}
HINT = "You probably take the maximum over a map that already holds zeros; think about negative values."


def max_unpool2d(values, indices, output_size):
    height, width = output_size
    if values.shape != indices.shape:
        raise ValueError("values and indices differ in shape")
    if ((indices < 0) | (indices >= height * width)).any():
        raise ValueError("an index is outside of the plane")
    planes, at = (*values.shape[:2], height * width), indices.flatten(2)
    y = values.new_zeros(planes).scatter_reduce(2, at, values.flatten(2), "amax")
    return y.unflatten(2, (height, width))
