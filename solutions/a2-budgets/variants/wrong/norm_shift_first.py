"""Adds the shift before it scales."""

FAILS = {"batch_norm": "wrong"}
HINT = "You probably added the shift before the scale multiplied: then the scale multiplies the shift too."


def batch_norm(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    channels = (x.shape[1],)
    count = x.shape[0] * x.shape[2] * x.shape[3]
    if not gamma.shape == beta.shape == running_mean.shape == running_var.shape == channels:
        raise ValueError("there should be one number for each channel")
    if training and count < 2:
        raise ValueError("there should be at least two values in each channel")
    dtype, x = x.dtype, x.to(gamma.dtype)
    mean, var = running_mean, running_var
    if training:
        mean = x.mean((0, 2, 3))
        var = ((x - mean[:, None, None]) ** 2).mean((0, 2, 3))
        unbiased = var * count / (count - 1)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * unbiased
    normalised = (x - mean[:, None, None]) / (var + eps).sqrt()[:, None, None]
    y = (normalised + beta[:, None, None]) * gamma[:, None, None]
    return y.to(dtype), running_mean, running_var
