"""Writes values one after the other, so that the last one stays."""

FAILS = {"max_unpool2d": "wrong"}
HINT = (
    "You probably write values without asking which of them is larger; look at what the text says of an index "
    "that comes several times."
)


def max_unpool2d(values, indices, output_size):
    height, width = output_size
    if values.shape != indices.shape:
        raise ValueError("values and indices differ in shape")
    if ((indices < 0) | (indices >= height * width)).any():
        raise ValueError("an index is outside of the plane")
    planes, at = (*values.shape[:2], height * width), indices.flatten(2)
    return values.new_zeros(planes).scatter(2, at, values.flatten(2)).unflatten(2, (height, width))
