"""Goes through images and channels."""

FAILS = {"max_unpool2d": "loops"}
HINT = (
    "You probably go through the planes one after the other; scattering takes an axis, and the others are left"
    " as they are."
)


def max_unpool2d(values, indices, output_size):
    height, width = output_size
    if values.shape != indices.shape:
        raise ValueError("values and indices differ in shape")
    if ((indices < 0) | (indices >= height * width)).any():
        raise ValueError("an index is outside of the plane")
    planes, at = (*values.shape[:2], height * width), indices.flatten(2)
    y = values.new_zeros(planes)
    for image, (plane, value) in enumerate(zip(at, values.flatten(2), strict=True)):
        for channel in range(len(plane)):
            y[image, channel] = y[image, channel].scatter_reduce(
                0, plane[channel], value[channel], "amax", include_self=False
            )
    return y.unflatten(2, (height, width))
