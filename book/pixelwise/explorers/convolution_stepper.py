"""The convolution stepper: one window, forward or transposed, moved over a small input a step at a time, or stamps."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
import traitlets
from torch import Tensor

from pixelwise.explorers.host import Explorer, module

# Least and most that the view offers: beyond, cells become too small for their numbers.
LIMITS = {
    "size": (1, 9),
    "kernel": (1, 5),
    "stride": (1, 4),
    "padding": (0, 4),
    "dilation": (1, 3),
    "output_padding": (0, 3),
}


class ConvolutionStepper(Explorer):
    """Steps through the output of a convolution of one channel, or of a transposed one, window by window.

    With `stamps` a transposed convolution is made the other way: each value of the input, in turn, adds itself times
    the kernel to the output.

    `size` is the side of the input in pixels and `kernel` of the kernel in taps; `stride`, `padding`, `dilation` and
    `output_padding` (which only the transposed convolution has) mean what they mean to PyTorch. `image` and `weights`
    are square tables of numbers; where they are not given, or smaller than the view can ask for, small whole numbers
    fill them. `unit` is the (row, column) where stepping begins: of the output, or with `stamps` of the input. All stay
    in step with the view in JupyterLab, and `output` computes what they come to. A setting whose window does not fit is
    shown with the reason.

    Raises `ValueError` for a number outside `LIMITS`, for tables that are not square, and for `stamps` of a convolution
    that is not transposed.
    """

    _esm = module("convolution_stepper")["_esm"]
    _css = module("convolution_stepper")["_css"]

    transposed = traitlets.Bool().tag(sync=True)
    stamps = traitlets.Bool().tag(sync=True)
    size = traitlets.Int().tag(sync=True)
    kernel = traitlets.Int().tag(sync=True)
    stride = traitlets.Int().tag(sync=True)
    padding = traitlets.Int().tag(sync=True)
    dilation = traitlets.Int().tag(sync=True)
    output_padding = traitlets.Int().tag(sync=True)
    unit = traitlets.List(traitlets.Int(), minlen=2, maxlen=2).tag(sync=True)
    image = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    weights = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    limits = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        size: int | None = None,
        kernel: int | None = None,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        output_padding: int = 0,
        transposed: bool = False,
        stamps: bool = False,
        image: Sequence[Sequence[float]] | Tensor | None = None,
        weights: Sequence[Sequence[float]] | Tensor | None = None,
        unit: Sequence[int] = (0, 0),
    ) -> None:
        rng = np.random.default_rng(5)
        image, given_size = _filled("image", image, rng.integers(0, 5, (LIMITS["size"][1],) * 2))
        weights, given_kernel = _filled("weights", weights, rng.integers(-1, 3, (LIMITS["kernel"][1],) * 2))
        setting = {
            "size": size or given_size or 5,
            "kernel": kernel or given_kernel or 3,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "output_padding": output_padding,
        }
        for name, value in setting.items():
            least, most = LIMITS[name]
            if not least <= value <= most:
                raise ValueError(f"The stepper shows a {name} from {least} to {most}, not {value}.")
        if stamps and not transposed:
            raise ValueError("Only a transposed convolution is made of stamps: pass transposed=True as well.")
        super().__init__(
            **setting,
            transposed=transposed,
            stamps=stamps,
            unit=list(unit),
            image=image,
            weights=weights,
            limits={name: list(pair) for name, pair in LIMITS.items()},
        )

    def output(self) -> Tensor:
        """Return what PyTorch computes from the explorer's setting of this moment, a float64 tensor of shape (H, W).

        Raises `RuntimeError` (PyTorch's own) where no window fits.
        """
        x = torch.tensor(self.image, dtype=torch.float64, device="cpu")[: self.size, : self.size]
        w = torch.tensor(self.weights, dtype=torch.float64, device="cpu")[: self.kernel, : self.kernel]
        window = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}
        if self.transposed:
            made = F.conv_transpose2d(x[None, None], w[None, None], output_padding=self.output_padding, **window)
        else:
            made = F.conv2d(x[None, None], w[None, None], **window)
        return made[0, 0]

    def phase_sums(self) -> Tensor:
        """Return the weights' sums over each phase, (stride, stride): what a map of ones becomes away from its border.

        Entry (r, c) belongs to the outputs whose row and column, counted before padding cuts any off, leave the
        remainders r and c when divided by the stride.
        """
        w = torch.tensor(self.weights, dtype=torch.float64, device="cpu")[: self.kernel, : self.kernel]
        phase = torch.arange(self.kernel) * self.dilation % self.stride
        sums = torch.zeros(self.stride, self.stride, dtype=torch.float64)
        return sums.index_put_((phase[:, None], phase), w, accumulate=True)

    def described(self) -> str:
        kind = "transposed convolution" if self.transposed else "convolution"
        return (
            f"[Convolution stepper: a {kind} of {self.size}×{self.size} pixels, kernel {self.kernel}×{self.kernel}, "
            f"stride {self.stride}, padding {self.padding}, dilation {self.dilation}.]"
        )


def _filled(name: str, given: object, whole: np.ndarray) -> tuple[list[list[float]], int | None]:
    # The view may ask for more rows than were given, so what is given lies in the corner of a whole table.
    if given is None:
        return whole.astype(float).tolist(), None
    table = np.asarray(given.detach().cpu() if isinstance(given, Tensor) else given, dtype=float)
    side = len(whole)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not 1 <= len(table) <= side:
        raise ValueError(f"{name} must be a square table of at most {side} rows, not of shape {table.shape}.")
    filled = whole.astype(float)
    filled[: len(table), : len(table)] = table
    return filled.tolist(), len(table)
