"""Subtracts sums where means belong."""

FAILS = {"batch_norm_backward": "wrong"}
HINT = "You probably forgot to divide by the number of values: the mean depends on each value by one part in M."


def batch_norm_backward(grad_out, x, gamma, eps=1e-5):
    count = x.shape[0] * x.shape[2] * x.shape[3]
    if grad_out.shape != x.shape or gamma.shape != (x.shape[1],) or count < 2:
        raise ValueError("the shapes do not fit together")
    axes = (0, 2, 3)
    centred = x - x.mean(axes, keepdim=True)
    deviation = ((centred**2).mean(axes, keepdim=True) + eps).sqrt()
    normalised = centred / deviation
    through_mean = grad_out.sum(axes, keepdim=True)
    through_variance = normalised * (grad_out * normalised).sum(axes, keepdim=True)
    grad_x = gamma[:, None, None] / deviation * (grad_out - through_mean - through_variance)
    grad_gamma = (grad_out * normalised).sum(axes)
    grad_beta = grad_out.sum(axes)
    return grad_x, grad_gamma, grad_beta
