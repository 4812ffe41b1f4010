"""Other ways to what a forbidden operator does, which leave no trace in PyTorch's dispatcher: other libraries' names.

An exercise forbids operators (``aten::*fft*``); that NumPy does the same goes without saying in its manifest.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

BACKWARD = "autograd::backward"

# An operator, and the dotted names by which others do what it does.
_BY_NAME = {
    "aten::fft_fft": ("numpy.fft", "scipy.fft", "scipy.fftpack"),
    "aten::convolution": ("numpy.convolve", "numpy.correlate", "scipy.signal", "scipy.ndimage"),
    "aten::max_pool2d": ("scipy.ndimage",),
    "aten::cumsum": ("numpy.cumsum", "numpy.add.accumulate", "scipy.ndimage.uniform_filter"),
    "aten::sort": ("numpy.sort", "numpy.argsort", "numpy.partition", "numpy.argpartition"),
    "aten::einsum": ("numpy.einsum", "einops.einsum"),
    "aten::matmul": ("numpy.matmul", "numpy.dot"),
}
_BY_NAME[BACKWARD] = (
    "torch.autograd.grad", "torch.autograd.backward", "torch.autograd.functional", "torch.autograd.forward_ad",
    "torch.func.grad", "torch.func.grad_and_value", "torch.func.vjp", "torch.func.jvp", "torch.func.jacrev",
    "torch.func.jacfwd", "torch.func.hessian", "torch.func.linearize",
)  # fmt: skip
# What forward-mode differentiation dispatches, which computes the same derivatives as the way back: the tangent of what
# has none.
FORWARD = ("aten::_efficientzerotensor*",)


def names_forbidden_with(operators: Iterable[str]) -> tuple[str, ...]:
    """The dotted names that do what one of the forbidden ``operators`` (patterns) does."""
    patterns = tuple(operators)
    return tuple(
        dict.fromkeys(name for known, names in _BY_NAME.items() if _matches(known, patterns) for name in names)
    )


def operators_forbidden_with(operators: Iterable[str]) -> tuple[str, ...]:
    """The patterns ``operators``, and those of other operators that do what one of them does."""
    patterns = tuple(operators)
    return patterns + FORWARD if _matches(BACKWARD, patterns) else patterns


def _matches(operator: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(operator, pattern) for pattern in patterns)
