"""The receptive-field explorer: point at a unit of a network, or of a stack of one's own, and see what it sees."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import traitlets
from torch import nn

from pixelwise import zoo
from pixelwise.arithmetic import Branches, Conv, Layer, Pool, Stack, output_shape, receptive_field, seen_units
from pixelwise.explorers import measured
from pixelwise.explorers.host import Explorer, module

PRESETS: dict[str, tuple[int, Stack]] = {
    "three 3×3": (15, [Conv(3, padding=1, channels=1, name=f"conv{i}") for i in (1, 2, 3)]),
    "ten 3×3": (31, [Conv(3, padding=1, channels=1, name=f"conv{i}") for i in range(1, 11)]),
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
    "ResNet stem": (64, zoo.MODELS["resnet18"].trace().layers[:2]),
}
ALEXNET: Stack = zoo.MODELS["alexnet_paper"].trace().layers
CHANNELS = 16  # of each layer of an edited stack that is measured
INITIALISATIONS = 8


class ReceptiveFieldExplorer(Explorer):
    """Shows which pixels a unit sees and how much each contributes, for networks and for a stack that can be edited.

    `layers` is a stack of `pixelwise.arithmetic` layers with square windows, `pixels` the side of the input, `depth`
    how many layers deep the unit lies (all of them unless given), `unit` its (row, column) (the middle unless given).
    All four stay in step with the view in JupyterLab; `layers` then reads as a list of dicts. A unit that a change
    leaves outside its map becomes the nearest one on it.

    `networks` are names of `pixelwise.zoo` to offer, all that were measured unless given. `network` opens one of them.
    Those without branches can be edited as well. Contributions are squared gradients: of the networks as
    `pixelwise.explorers.measured` found them, of the edited stack computed for independent weights by `contributions`
    and, where there is a kernel, measured on request.

    Raises `ValueError` for branches and for windows that are not square, which the edited stack has no room for, and
    for a network that was not measured.
    """

    _esm = module("receptive_field")["_esm"]
    _css = module("receptive_field")["_css"]

    layers = traitlets.List(traitlets.Dict()).tag(sync=True)
    pixels = traitlets.Int().tag(sync=True)
    depth = traitlets.Int().tag(sync=True)
    unit = traitlets.List(traitlets.Int(), minlen=2, maxlen=2).tag(sync=True)
    presets = traitlets.List(traitlets.Dict()).tag(sync=True)
    network = traitlets.Unicode().tag(sync=True)
    contribution = traitlets.Enum(["measured", "even"], "measured").tag(sync=True)
    request = traitlets.Dict().tag(sync=True)
    answer = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        layers: Stack = ALEXNET,
        pixels: int = 227,
        depth: int | None = None,
        unit: Sequence[int] | None = None,
        networks: Iterable[str] | None = None,
        network: str = "",
    ) -> None:
        found = json.loads(measured.FILE.read_text())
        offered = [name for name in zoo.MODELS if name in found] if networks is None else list(networks)
        for name in [*offered, *([network] if network else [])]:
            if name not in found:
                raise ValueError(f"The explorer has measured {', '.join(found)}, and no {name!r}.")
        if network and network not in offered:
            offered.append(network)
        stacks_offered = [
            {"name": name, "pixels": side, "layers": plain(stack)} for name, (side, stack) in PRESETS.items()
        ]
        networks_offered = {name: _network(name, found[name]) for name in offered}
        opened = networks_offered.get(network, {"pixels": pixels, "layers": plain(layers)})
        branched = "rows" in opened
        sides = [row["side"] for row in opened["rows"]] if branched else _sides(opened["layers"], opened["pixels"])
        depth = len(sides) if depth is None else depth
        if unit is None:
            unit = ((sides[depth - 1] if depth else opened["pixels"]) // 2,) * 2
        super().__init__(
            layers=plain(layers) if branched else opened["layers"],
            pixels=pixels if branched else opened["pixels"],
            depth=depth,
            unit=list(unit),
            presets=stacks_offered + list(networks_offered.values()),
            network=network if branched else "",
        )

    @traitlets.observe("request")
    def _measure(self, change: dict[str, Any]) -> None:
        if change["new"]:
            self.answer = {"request": change["new"], "found": measured_stack(**change["new"])}

    @traitlets.observe("layers", "pixels", "depth", "unit", "network")
    def _keep_unit_on_its_map(self, change: dict[str, Any]) -> None:
        # The view shows the nearest unit that is there; Python has to name the same one.
        rows = next((one["rows"] for one in self.presets if "rows" in one and one["name"] == self.network), None)
        count = len(self.layers if rows is None else rows)
        self.depth = min(max(self.depth, 1), max(count, 1))
        try:
            side = _sides(self.layers[: self.depth], self.pixels)[-1] if rows is None else rows[self.depth - 1]["side"]
        except ValueError:  # a window does not fit, and the view says which
            return
        self.unit = [min(max(u, 0), side - 1) for u in self.unit]

    def described(self) -> str:
        if self.network:
            return f"[Receptive-field explorer: {self.network}.]"
        names = ", ".join(layer["name"] or "layer" for layer in self.layers)
        return f"[Receptive-field explorer: {names} on {self.pixels}×{self.pixels} pixels.]"


def contributions(layers: Sequence[Layer], unit: int, n: int, axis: int = 1) -> list[float]:
    """Return how the expected squared gradient of `unit` spreads over the `n` pixels along `axis`.

    The weights are independent and of zero mean, so that each layer spreads it evenly over its taps; over both axes it
    is the product. What falls on padding is lost; without padding in reach the numbers sum up to 1.

    Raises `ValueError` when a window does not fit or `unit` lies outside the last map.
    """
    seen = seen_units(layers, unit, n, axis)
    spread = {unit: 1.0}
    for layer, below in zip(reversed(layers), reversed(seen[:-1]), strict=True):
        kernel, stride, padding, dilation = layer.window(axis)
        under = dict.fromkeys(below, 0.0)
        for u, value in spread.items():
            for tap in range(kernel):
                if (v := u * stride - padding + tap * dilation) in under:
                    under[v] += value / kernel
        spread = under
    return [spread.get(pixel, 0.0) for pixel in range(n)]


def measured_stack(layers: list[dict[str, Any]], pixels: int) -> dict[str, Any]:
    """Return the `measured.summary` of the centre unit of a stack in the view's form, over several networks.

    Each window is a convolution of `CHANNELS` channels with random weights that preserve variance, followed by a ReLU.

    Raises `ValueError` when a window does not fit.
    """
    stack = [Layer(**layer) for layer in layers]
    _, side, _ = output_shape(stack, (1, pixels, pixels))
    field = receptive_field(stack)

    def build() -> nn.Module:
        made = nn.Sequential()
        for number, layer in enumerate(stack):
            window = (layer.kernel, layer.stride, layer.padding, layer.dilation)
            conv = nn.Conv2d(CHANNELS if number else 3, CHANNELS, *window, bias=False)
            nn.init.kaiming_normal_(conv.weight)
            made.append(nn.Sequential(conv, nn.ReLU()))
        return made

    last = f"{len(stack) - 1}.0"  # before the ReLU, which may be shut for the unit
    found = measured.squared_gradients(build, (3, pixels, pixels), [last], range(INITIALISATIONS))[last]
    first, _ = field.interval(side // 2, axis=0)
    return measured.summary(found, first, field.size[0]) | {"networks": INITIALISATIONS}


def _network(name: str, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    # A network without branches is offered as the stack that it is; of others, the rows of its maps.
    model = zoo.MODELS[name]
    rows = measured.maps(model)
    found = {row: one | {"networks": measured.INITIALISATIONS} for row, one in found.items()}
    made: dict[str, Any] = {"name": name, "pixels": model.input_shape[1]}
    layers = model.trace().layers
    if all(type(layer) in (Conv, Layer, Pool) and not getattr(layer, "ceil", False) for layer in layers):
        made["layers"] = plain(layers)
        made["measured"] = {str(len(row.layers)): found[row.name] for row in rows if row.name in found}
    else:
        made["rows"] = [
            {
                "name": row.name,
                "side": row.output_shape[1],
                "size": row.receptive_field.size[0],
                "jump": row.receptive_field.jump[0],
                "start": row.receptive_field.start[0],
            }
            for row in rows
        ]
        made["measured"] = {str(depth): found[row.name] for depth, row in enumerate(rows, start=1) if row.name in found}
    return made


def _sides(layers: list[dict[str, Any]], pixels: int) -> list[int]:
    stack = [Layer(**layer) for layer in layers]
    return [output_shape(stack[:depth], (1, pixels, pixels))[1] for depth in range(1, len(stack) + 1)]


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
