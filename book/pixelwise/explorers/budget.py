"""The budget explorer: what networks learn, keep and compute, layer by layer, and a VGG table to change."""

from collections.abc import Iterable, Sequence
from typing import Any

import traitlets

from pixelwise import zoo
from pixelwise.arithmetic import Conv, Layer, Pool
from pixelwise.explorers.host import Explorer, module
from pixelwise.tracing import Trace

OWN = "your VGG"


class BudgetExplorer(Explorer):
    """Compares networks' parameters, activations and multiply–accumulates, as totals and layer by layer.

    `networks` are names of `pixelwise.zoo`, all its classifiers unless given; their rows are traced when the explorer is made.
    Beside them stands a table to change: it begins as VGG's `configuration` on `pixels`×`pixels` images. `chosen` is
    the network whose layers are shown, the table to change unless given. All stay in step with the view in JupyterLab;
    `layers` then is the table as a list of dicts, and `rows_of` counts it.

    Raises `ValueError` for a network that the zoo does not have and for a configuration that VGG does not have.
    """

    _esm = module("budget")["_esm"]
    _css = module("budget")["_css"]

    networks = traitlets.List(traitlets.Dict()).tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)
    layers = traitlets.List(traitlets.Dict()).tag(sync=True)
    pixels = traitlets.Int().tag(sync=True)
    presets = traitlets.List(traitlets.Dict()).tag(sync=True)
    quantity = traitlets.Enum(["parameters", "activations", "macs"]).tag(sync=True)
    sort = traitlets.Enum(["", "parameters", "activations", "macs"]).tag(sync=True)
    marked = traitlets.Int().tag(sync=True)

    def __init__(
        self,
        networks: Iterable[str] | None = None,
        configuration: str = "D",
        pixels: int = 224,
        chosen: str = OWN,
        quantity: str = "parameters",
        sort: str = "",
    ) -> None:
        if networks is None:
            networks = [name for name, model in zoo.MODELS.items() if model.task == "classification"]
        names = list(networks)
        missing = [name for name in names if name not in zoo.MODELS]
        if missing:
            raise ValueError(f"The zoo has no {missing[0]!r}; it has {', '.join(zoo.MODELS)}.")
        if chosen not in (OWN, *names):
            raise ValueError(f"The explorer holds {', '.join((OWN, *names))}, and no {chosen!r}.")
        if configuration not in zoo.vgg.CONFIGURATIONS or "LRN" in configuration:
            known = ", ".join(name for name in zoo.vgg.CONFIGURATIONS if "LRN" not in name)
            raise ValueError(f"The table to change begins as one of {known}, not as {configuration!r}.")
        super().__init__(
            networks=[
                {"name": name, "input": list(zoo.MODELS[name].input_shape), "rows": folded(zoo.MODELS[name].trace())}
                for name in names
            ],
            chosen=chosen,
            layers=table(configuration),
            pixels=pixels,
            presets=[{"name": name, "layers": table(name)} for name in zoo.vgg.CONFIGURATIONS if "LRN" not in name],
            quantity=quantity,
            sort=sort,
            marked=0,
        )

    def described(self) -> str:
        names = ", ".join(network["name"] for network in self.networks)
        return f"[Budget explorer: parameters, activations and multiply–accumulates of {names} and a VGG to change.]"


def table(configuration: str) -> list[dict[str, Any]]:
    """Return a VGG configuration without normalisation as the dicts that the view edits."""
    layers: list[dict[str, Any]] = []
    for stage in zoo.vgg.CONFIGURATIONS[configuration]:
        layers += [{"kind": "conv", "kernel": kernel, "channels": channels} for kernel, channels in stage]
        layers.append({"kind": "pool"})
    return layers + [{"kind": "linear", "channels": channels} for channels in (4096, 4096, 1000)]


def rows_of(layers: Sequence[dict[str, Any]], pixels: int) -> list[dict[str, Any]]:
    """Return name, output shape, parameters, activations and macs of each layer of a table that the view edits.

    Convolutions keep the size, poolings are 2×2, and a linear layer counts as the convolution that it equals, whose
    window is the whole map. The input has three channels and `pixels` × `pixels` pixels.

    Raises `ValueError` when a pooling does not fit or a convolution's kernel is even.
    """
    rows = []
    shape = (3, pixels, pixels)
    stage, number, linear = 1, 0, 5
    for entry in layers:
        layer: Layer
        if entry["kind"] == "pool":
            layer, name = Pool(2), f"pool{stage}"
            stage, number = stage + 1, 0
        elif entry["kind"] == "conv":
            if entry["kernel"] % 2 == 0:
                raise ValueError(f"No padding lets a {entry['kernel']}×{entry['kernel']} convolution keep the size.")
            number += 1
            layer = Conv(entry["kernel"], padding=entry["kernel"] // 2, channels=entry["channels"])
            name = f"conv{stage}_{number}"
        else:
            linear += 1
            layer, name = Conv(shape[1:], channels=entry["channels"]), f"fc{linear}"
        made = layer.output_shape(shape)
        rows.append(
            {
                "name": name,
                "shape": list(made[:1] if entry["kind"] == "linear" else made),
                "parameters": layer.parameters(shape[0]),
                "activations": made[0] * made[1] * made[2],
                "macs": layer.macs(shape),
            }
        )
        shape = made
    return rows


def folded(trace: Trace) -> list[list[Any]]:
    """Return a trace's rows as [name, shape, parameters, activations, macs].

    What works in place (normalisation, nonlinearities) counts with the row before it.
    The sums are the trace's own totals.
    """
    rows: list[list[Any]] = []
    for row in trace.rows:
        if not row.in_place:
            rows.append([row.name or row.kind, list(row.output_shape), row.parameters, row.activations, row.macs])
        elif rows:
            rows[-1][2] += row.parameters
            rows[-1][4] += row.macs
        elif row.parameters or row.macs:
            rows.append([row.name or row.kind, list(row.output_shape), row.parameters, 0, row.macs])
    return rows
