"""The explorer's arithmetic in JavaScript and its Python twin give the same answers on one file of vectors."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from pixelwise import arithmetic
from pixelwise.arithmetic import Layer
from pixelwise.explorers import receptive_field as explorer

EXPLORERS = Path(explorer.__file__).parent
VECTORS = json.loads((EXPLORERS / "receptive_field_vectors.json").read_text())
MODULE = (EXPLORERS / "receptive_field.js").read_text()

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
