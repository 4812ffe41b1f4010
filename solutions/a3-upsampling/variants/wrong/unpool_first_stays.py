"""Lets the first value of an index stay."""

FAILS = {"max_unpool2d": "wrong"}
HINT = "You probably keep the value that comes first; look at what the text says of an index that comes several times."


def max_unpool2d(values, indices, output_size):
    height, width = output_size
    if values.shape != indices.shape:
        raise ValueError("values and indices differ in shape")
    if ((indices < 0) | (indices >= height * width)).any():
        raise ValueError("an index is outside of the plane")
    planes, at = (*values.shape[:2], height * width), indices.flatten(2)
    return values.new_zeros(planes).scatter(2, at.flip(2), values.flatten(2).flip(2)).unflatten(2, (height, width))
