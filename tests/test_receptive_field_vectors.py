"""The explorer's arithmetic in JavaScript and its Python twin give the same answers on one file of vectors."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from pixelwise import arithmetic, zoo
from pixelwise.arithmetic import Layer
from pixelwise.explorers import host, measured
from pixelwise.explorers import receptive_field as explorer

EXPLORERS = Path(explorer.__file__).parent
VECTORS = json.loads((EXPLORERS / "receptive_field_vectors.json").read_text())
MODULE = host.module("receptive_field")["_esm"]

# Answers every vector with the module's own functions, in the vectors' own form.
ANSWER = """
(rf, vectors) => ({
  stacks: vectors.stacks.map(({ name, pixels, layers, units }) => {
    const fields = rf.receptiveFields(layers);
    return {
      name, pixels, layers, fields,
      sizes: rf.sizes(layers, pixels),
      units: units.map(({ unit }) => ({
        unit, interval: rf.interval(fields.at(-1), unit), seen: rf.seenUnits(layers, unit, pixels),
      })),
    };
  }),
  too_small: vectors.too_small.filter(({ pixels, layers }) => {
    try { rf.sizes(layers, pixels); return false; } catch (error) { return error instanceof RangeError; }
  }),
  contributions: vectors.contributions.map(({ name, pixels, layers, unit }) => {
    const field = rf.receptiveFields(layers).at(-1);
    const spreads = unit.map((u) => rf.contributions(layers, u, pixels));
    const first = unit.map((u) => rf.interval(field, u)[0]);
    const [half, most] = [0.5, 0.95].map((share) => rf.centralSide(spreads, first, field.size, share));
    // To twelve digits: the two languages may add up in another order.
    const digits = (value) => Number(value.toPrecision(12));
    return { name, pixels, layers, unit, half, most, spreads: spreads.map((one) => one.map(digits)) };
  }),
})
"""


@pytest.mark.parametrize("vector", VECTORS["stacks"], ids=lambda vector: vector["name"])
def test_python_agrees_with_the_vectors(vector):
    layers = [Layer(**layer) for layer in vector["layers"]]
    n = vector["pixels"]
    *_, field = fields = list(arithmetic.receptive_fields(layers))
    assert [{"size": f.size[1], "jump": f.jump[1], "start": f.start[1]} for f in fields] == vector["fields"]
    sizes = [arithmetic.output_shape(layers[:depth], (1, n, n))[2] for depth in range(len(layers) + 1)]
    assert sizes == vector["sizes"]
    for unit in vector["units"]:
        assert list(field.interval(unit["unit"], axis=1)) == unit["interval"]
        assert arithmetic.seen_units(layers, unit["unit"], n) == unit["seen"]


@pytest.mark.parametrize("vector", VECTORS["too_small"])
def test_python_refuses_the_stacks_that_do_not_fit(vector):
    with pytest.raises(ValueError, match="does not fit"):
        arithmetic.output_shape([Layer(**layer) for layer in vector["layers"]], (1, vector["pixels"], vector["pixels"]))


@pytest.mark.parametrize("vector", VECTORS["contributions"], ids=lambda vector: vector["name"])
def test_python_agrees_with_the_vectors_on_contributions(vector):
    layers = [Layer(**layer) for layer in vector["layers"]]
    spreads = [explorer.contributions(layers, unit, vector["pixels"]) for unit in vector["unit"]]
    for spread, expected in zip(spreads, vector["spreads"], strict=True):
        assert spread == pytest.approx(expected, rel=1e-11)
    field = arithmetic.receptive_field(layers)
    first = tuple(field.interval(unit, axis=1)[0] for unit in vector["unit"])
    product = torch.outer(*(torch.tensor(spread, dtype=torch.float64) for spread in spreads))
    sides = [measured.central_side(product, first, field.size[1], share) for share in (0.5, 0.95)]
    assert sides == [vector["half"], vector["most"]]


@pytest.mark.parametrize("vector", VECTORS["contributions"], ids=lambda vector: vector["name"])
def test_contributions_are_the_gradient_of_a_network_whose_windows_average(vector):
    x = torch.zeros(1, 1, vector["pixels"], vector["pixels"], dtype=torch.float64, requires_grad=True)
    y = x
    for layer in vector["layers"]:
        k = layer["kernel"]
        weight = torch.full((1, 1, k, k), 1 / k**2, dtype=torch.float64)
        window = (layer["stride"], layer["padding"], layer["dilation"])
        y = torch.nn.functional.conv2d(y, weight, None, *window)
    row, column = vector["unit"]
    y[0, 0, row, column].backward()
    product = torch.outer(*(torch.tensor(spread, dtype=torch.float64) for spread in vector["spreads"]))
    torch.testing.assert_close(x.grad[0, 0], product, rtol=1e-10, atol=0)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed; the browser runs the same vectors")
def test_javascript_agrees_with_the_vectors_in_node(tmp_path):
    (tmp_path / "module.mjs").write_text(MODULE)
    script = (
        f'import * as rf from "./module.mjs"; const vectors = {json.dumps(VECTORS)};'
        f"process.stdout.write(JSON.stringify(({ANSWER})(rf, vectors)));"
    )
    (tmp_path / "answer.mjs").write_text(script)
    ran = subprocess.run(["node", "answer.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == VECTORS


@pytest.mark.browser
def test_javascript_agrees_with_the_vectors_in_the_browser(browser):
    page = browser.new_page()
    answered = page.evaluate(
        """async ([source, vectors, answer]) => {
            const rf = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
            return eval(answer)(rf, vectors);
        }""",
        [MODULE, VECTORS, ANSWER.strip()],
    )
    assert answered == VECTORS


def test_the_explorer_holds_the_stack_it_was_given():
    widget = explorer.ReceptiveFieldExplorer([Layer(3, padding=1, name="a"), Layer(2, stride=2, name="b")], pixels=9)
    assert widget.layers[1] == {"name": "b", "kernel": 2, "stride": 2, "padding": 0, "dilation": 1}
    assert (widget.pixels, widget.depth, widget.unit) == (9, 2, [2, 2])


def test_the_explorer_offers_a_live_view_and_a_page_that_needs_no_kernel():
    bundle, _ = explorer.ReceptiveFieldExplorer()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "conv5" in bundle["text/plain"]
    assert "<script" in bundle["text/html"]
    assert "http://" not in bundle["text/html"].replace("http://www.w3.org/", "")
    assert "https://" not in bundle["text/html"]


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        (Layer((1, 3)), "The explorer shows square windows, and kernel is 1×3 here."),
        (arithmetic.Branches(((), ())), "The explorer follows one path: give it a stack without branches."),
    ],
)
def test_the_explorer_says_what_it_cannot_show(layer, sentence):
    with pytest.raises(ValueError) as refused:
        explorer.ReceptiveFieldExplorer([layer], pixels=8)
    assert str(refused.value) == sentence


# Measured fields


def test_the_central_square_holds_the_share_and_a_smaller_one_does_not():
    x = torch.zeros(9, 9, dtype=torch.float64)
    x[4, 4], x[2, 4], x[8, 8] = 5, 4, 1
    assert measured.central_side(x, (0, 0), 9, 0.5) == 1
    assert measured.central_side(x, (0, 0), 9, 0.9) == 5
    assert measured.central_side(x, (0, 0), 9, 0.95) == 9
    assert measured.central_side(x[:, :8], (0, -1), 10, 0.5) == 2
    assert measured.central_side(x[:, :8], (0, -1), 10, 0.9) == 6


def test_a_random_stack_measures_what_is_computed_on_average():
    layers = [{"name": "", "kernel": 3, "stride": 1, "padding": 1, "dilation": 1}] * 6
    found = explorer.measured_stack(layers, 15)
    spread = torch.tensor(explorer.contributions([Layer(**layer) for layer in layers], 7, 15), dtype=torch.float64)
    computed = measured.summary(torch.outer(spread, spread), first=1, size=13)
    assert (found["start"], found["step"], found["across"]) == (1, 1, 13)
    assert abs(found["half"] - computed["half"]) <= 2
    assert abs(found["most"] - computed["most"]) <= 2


@pytest.mark.parametrize("name", ["lenet5", "alexnet_paper"])
def test_the_measured_fields_are_those_that_measuring_again_gives(name):
    recorded = json.loads(measured.FILE.read_text())[name]
    for row, found in measured.measure(name).items():
        for side in ("half", "most"):
            assert abs(found[side] - recorded[row][side]) <= 2  # rounding differs between machines
        assert found.keys() == recorded[row].keys()
        assert (found["start"], found["step"], found["across"]) == tuple(
            recorded[row][part] for part in ("start", "step", "across")
        )


def test_every_network_with_a_field_was_measured_at_the_last_map_of_each_size():
    recorded = json.loads(measured.FILE.read_text())
    for name, model in zoo.MODELS.items():
        rows = measured.maps(model)
        if any(row.receptive_field.size[0] > row.receptive_field.jump[0] for row in rows):
            assert list(recorded[name]) == [row.name for row in measured.stages(rows)]
        else:
            assert name not in recorded


def test_a_kernel_measures_the_stack_that_the_view_asks_for():
    widget = explorer.ReceptiveFieldExplorer([Layer(3, padding=1, name="a")], pixels=9, networks=[])
    widget.request = {"layers": widget.layers, "pixels": 9}
    assert widget.answer["request"] == widget.request
    assert widget.answer["found"]["most"] == 3
    assert widget.answer["found"]["networks"] == explorer.INITIALISATIONS


def test_a_network_without_branches_can_be_edited_and_one_with_branches_has_rows():
    widget = explorer.ReceptiveFieldExplorer(networks=["vgg11", "resnet18"], network="resnet18")
    straight, branched = widget.presets[-2:]
    assert arithmetic.receptive_field([Layer(**layer) for layer in straight["layers"]]).size == (150, 150)
    assert str(len(straight["layers"])) in straight["measured"]
    assert branched["rows"][-1] == {"name": "conv5.block2", "side": 7, "size": 435, "jump": 32, "start": 0}
    assert (widget.network, widget.depth, widget.unit) == ("resnet18", len(branched["rows"]), [3, 3])


def test_the_explorer_refuses_a_network_that_was_not_measured():
    with pytest.raises(ValueError, match="and no 'vit_b_16'"):
        explorer.ReceptiveFieldExplorer(network="vit_b_16")
