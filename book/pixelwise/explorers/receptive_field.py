"""The receptive-field explorer: edit a stack, point at a unit, see the pixels that it sees."""

from collections.abc import Sequence
from typing import Any

import traitlets

from pixelwise import stacks
from pixelwise.arithmetic import Branches, Conv, Layer, Stack, output_shape
from pixelwise.explorers.host import Explorer, module

PRESETS: dict[str, tuple[int, Stack]] = {
    "three 3×3": (15, [Conv(3, padding=1, channels=1, name=f"conv{i}") for i in (1, 2, 3)]),
    "3×3, every second, 3×3": (
        15,
        [
            Conv(3, padding=1, channels=1, name="conv1"),
            Layer(1, stride=2, name="subsample"),
            Conv(3, padding=1, channels=1, name="conv2"),
        ],
    ),
    "dilated 1, 2, 4": (
        31,
        [Conv(3, padding=d, dilation=d, channels=1, name=f"dilation {d}") for d in (1, 2, 4)],
    ),
    "dilated 2, 2, 2": (31, [Conv(3, padding=2, dilation=2, channels=1, name=f"conv{i}") for i in (1, 2, 3)]),
    "AlexNet": (227, stacks.ALEXNET),
    "ZFNet": (224, stacks.ZFNET),
    "VGG-16": (224, stacks.vgg("D")),
    "ResNet stem": (64, stacks.RESNET_STEM),
}


class ReceptiveFieldExplorer(Explorer):
    """Shows which pixels a unit sees, for a stack that can be edited.

    `layers` is a stack of `pixelwise.arithmetic` layers with square windows, `pixels` the side of the input, `depth`
    how many layers deep the unit lies (all of them unless given), `unit` its (row, column) (the middle unless given).
    All four stay in step with the view in JupyterLab; `layers` then reads as a list of dicts.

    Raises `ValueError` for branches and for windows that are not square, which the view has no room for.
    """

    _esm = module("receptive_field")["_esm"]
    _css = module("receptive_field")["_css"]

    layers = traitlets.List(traitlets.Dict()).tag(sync=True)
    pixels = traitlets.Int().tag(sync=True)
    depth = traitlets.Int().tag(sync=True)
    unit = traitlets.List(traitlets.Int(), minlen=2, maxlen=2).tag(sync=True)
    presets = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(
        self,
        layers: Stack = stacks.ALEXNET,
        pixels: int = 227,
        depth: int | None = None,
        unit: Sequence[int] | None = None,
    ) -> None:
        depth = len(layers) if depth is None else depth
        if unit is None:
            _, height, width = output_shape(layers[:depth], (_first_channels(layers), pixels, pixels))
            unit = (height // 2, width // 2)
        super().__init__(
            layers=plain(layers),
            pixels=pixels,
            depth=depth,
            unit=list(unit),
            presets=[{"name": name, "pixels": side, "layers": plain(stack)} for name, (side, stack) in PRESETS.items()],
        )

    def described(self) -> str:
        names = ", ".join(layer["name"] or "layer" for layer in self.layers)
        return f"[Receptive-field explorer: {names} on {self.pixels}×{self.pixels} pixels.]"


def plain(layers: Stack) -> list[dict[str, Any]]:
    """Return layers as the dicts of whole numbers that the view edits.

    Raises `ValueError` for branches and for windows that are not square.
    """
    made = []
    for layer in layers:
        if isinstance(layer, Branches):
            raise ValueError("The explorer follows one path: give it a stack without branches.")
        window = {name: getattr(layer, name) for name in ("kernel", "stride", "padding", "dilation")}
        for name, (height, width) in window.items():
            if height != width:
                raise ValueError(f"The explorer shows square windows, and {name} is {height}×{width} here.")
        made.append({"name": layer.name} | {name: side for name, (side, _) in window.items()})
    return made


def _first_channels(layers: Stack) -> int:
    # Sizes do not depend on channels, but a grouped first layer would refuse a number that its groups do not divide.
    return layers[0].groups if layers and isinstance(layers[0], Conv) else 1
