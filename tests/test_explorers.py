"""The explorers: one file of vectors for their JavaScript and their Python, and what a reader sees and does."""

import itertools
import json
from functools import partial

import pytest
import torch
from torch import nn

from pixelwise import arithmetic, zoo
from pixelwise.arithmetic import Conv, output_shape, receptive_field
from pixelwise.explorers import budget, measured
from pixelwise.explorers.budget import BudgetExplorer
from pixelwise.explorers.convolution_stepper import ConvolutionStepper
from pixelwise.explorers.grouping_lab import GroupingLab
from pixelwise.explorers.iou_playground import IouPlayground
from pixelwise.explorers.receptive_field import ReceptiveFieldExplorer, contributions
from pixelwise.tracing import trace
from tests.conftest import DESK, PHONE
from tests.explorer_pages import THEMES, choose, fusion_of_scenes, in_browser, in_node, needs_node, said, vectors

ALL = {
    "stepper": ConvolutionStepper,
    "stepper, stamps": partial(ConvolutionStepper, size=4, kernel=3, stride=3, padding=1, transposed=True, stamps=True),
    "budget": BudgetExplorer,
    "receptive field": ReceptiveFieldExplorer,
    "IoU playground": IouPlayground,
    "skip fusion": fusion_of_scenes,
    "grouping lab": GroupingLab,
    "grouping lab, cut": partial(GroupingLab, "uneven light", "normalised cut"),
    "grouping lab, CRF": partial(GroupingLab, method="CRF", steps=2),
}


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_an_explorer_offers_a_live_view_and_a_page_that_needs_no_kernel_and_no_network(make):
    bundle, _ = make()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"].startswith("[")
    assert "http://" not in bundle["text/html"].replace("http://www.w3.org/", "")
    assert "https://" not in bundle["text/html"]


@pytest.mark.browser
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_an_explorer_fits_the_page_and_follows_the_theme(show, make, viewport, theme):
    page = show(make(), viewport, theme)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    paper = page.evaluate("getComputedStyle(document.querySelector('.pw-frame')).backgroundColor")
    assert paper == {"light": "rgb(244, 242, 237)", "dark": "rgb(29, 35, 44)"}[theme]


@pytest.mark.browser
@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_every_control_and_every_drawing_has_a_name_for_those_who_do_not_see_it(show, make):
    page = show(make())
    nameless = page.evaluate(
        """() => [...document.querySelectorAll(".pw-frame input, .pw-frame select, .pw-frame button, .pw-frame svg")]
            .filter((one) => !one.closest("[aria-hidden=true]") && !one.getAttribute("aria-label")
                && !one.closest("label")?.textContent.trim() && !one.textContent.trim())
            .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    assert page.locator(".pw-frame").get_attribute("aria-label")
    assert page.locator(".pw-frame [aria-live]").count() >= 1


@pytest.mark.browser
@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_keys_pressed_in_an_explorer_do_not_reach_the_notebook_around_it(show, make):
    page = show(make())
    page.evaluate(
        "window.reached = []; document.addEventListener('keydown', (event) => window.reached.push(event.key))"
    )
    page.locator(".pw-frame button:enabled:visible").first.press("b")
    page.locator(".pw-frame :is(select, input):visible").first.press("ArrowDown")
    assert page.evaluate("reached") == []
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("b")
    assert page.evaluate("reached") == ["b"]


# The convolution stepper

STEPS = vectors("convolution_stepper")

ANSWER_STEPS = """
(explorer, asked) => ({
  made: asked.made.map(({ setting, image, weights, units }) => ({
    setting, image, weights,
    formula: explorer.formula(setting).numbers,
    unread: explorer.unread(setting),
    output: explorer.output(setting, image, weights),
    units: units.map(({ unit }) => {
      const terms = explorer.products(setting, image, weights, unit);
      return {
        unit, taps: unit.map((u) => explorer.taps(setting, u)),
        products: terms.map((row) => row.map(({ product }) => product)), sum: explorer.total(terms),
      };
    }),
  })),
  stamped: asked.stamped.map(({ setting, image, weights, after }) => ({
    setting, image, weights,
    phases: explorer.phaseSums(setting, weights),
    after: after.map(({ count }) => ({
      count,
      places: [Math.floor((count - 1) / setting.size), (count - 1) % setting.size]
        .map((u) => explorer.stampedPlaces(setting, u)),
      canvas: explorer.stamped(setting, image, weights, count),
    })),
  })),
  refused: asked.refused.map(({ setting }) => {
    try { return { setting, output: explorer.outputSize(setting) }; }
    catch (error) { return { setting, sentence: error instanceof RangeError ? error.message : `${error}` }; }
  }),
})
"""


def stepper_of(vector):
    setting = dict(vector["setting"])
    return ConvolutionStepper(**setting, image=vector.get("image"), weights=vector.get("weights"))


def size_by_arithmetic(setting):
    setting = dict(setting)
    n, transposed = setting.pop("size"), setting.pop("transposed")
    if transposed:
        return arithmetic.transposed_output_size(n, **setting)
    setting.pop("output_padding")
    return arithmetic.convolution_output_size(n, **setting)


@pytest.mark.parametrize("vector", STEPS["made"], ids=lambda vector: str(list(vector["setting"].values())))
def test_pytorch_and_the_arithmetic_agree_with_the_steppers_vectors(vector):
    output = torch.tensor(vector["output"], dtype=torch.float64)
    torch.testing.assert_close(stepper_of(vector).output(), output)
    assert len(output) == size_by_arithmetic(vector["setting"])
    numbers = vector["formula"].replace("⌊", "(").replace(" / ", ") // (").replace("⌋", ")")
    assert eval(numbers.replace("·", "*").replace("−", "-")) == len(output)
    for unit in vector["units"]:
        row, column = unit["unit"]
        assert unit["sum"] == vector["output"][row][column] == sum(itertools.chain(*unit["products"]))


def test_the_rows_told_to_lie_in_no_window_change_nothing():
    for vector in STEPS["made"]:
        stepper = stepper_of(vector)
        before = stepper.output()
        unread = max(vector["unread"] - vector["setting"]["padding"], 0)
        rows = len(vector["image"])
        stepper.image = [
            [value + 1 if i >= rows - unread else value for value in row] for i, row in enumerate(vector["image"])
        ]
        assert torch.equal(stepper.output(), before)
    assert any(vector["unread"] > vector["setting"]["padding"] for vector in STEPS["made"])


@pytest.mark.parametrize("vector", STEPS["refused"], ids=lambda vector: vector["sentence"][:30])
def test_the_arithmetic_refuses_in_the_steppers_words(vector):
    with pytest.raises(ValueError) as refused:
        size_by_arithmetic(vector["setting"])
    assert str(refused.value) == vector["sentence"]


@pytest.mark.parametrize("vector", STEPS["stamped"], ids=lambda vector: str(list(vector["setting"].values())))
def test_pytorch_agrees_with_the_stamps(vector):
    setting = vector["setting"]
    stepper = stepper_of(vector)
    stride, padding = setting["stride"], setting["padding"]
    for after in vector["after"]:
        canvas = torch.tensor([[value or 0.0 for value in row] for row in after["canvas"]], dtype=torch.float64)
        kept = torch.zeros(setting["size"] ** 2, dtype=torch.float64)
        kept[: after["count"]] = 1
        image = torch.tensor(vector["image"], dtype=torch.float64) * kept.view(setting["size"], -1)
        stepper.image = image.tolist()
        end = len(canvas) - padding
        torch.testing.assert_close(canvas[padding:end, padding:end], stepper.output())
        reached = [value is not None for row in after["canvas"] for value in row]
        stepper.image = kept.view(setting["size"], -1).tolist()
        stepper.weights = [[1.0] * setting["kernel"]] * setting["kernel"]
        stepper.padding = 0
        assert reached == (stepper.output() > 0).flatten().tolist()
        stepper = stepper_of(vector)
    # A map of ones, large enough that some period of the output is away from its border.
    ones = torch.ones(1, 1, 12, 12, dtype=torch.float64)
    weights = torch.tensor(vector["weights"], dtype=torch.float64)[None, None]
    flat = torch.conv_transpose2d(ones, weights, stride=stride, dilation=setting["dilation"])[0, 0]
    inner = slice(5 * stride, 6 * stride)
    torch.testing.assert_close(stepper.phase_sums(), flat[inner, inner])
    assert stepper.phase_sums().tolist() == vector["phases"]


@needs_node
def test_the_steppers_javascript_agrees_with_the_vectors_in_node(tmp_path):
    assert in_node(ConvolutionStepper, ANSWER_STEPS, STEPS, tmp_path) == STEPS


@pytest.mark.browser
def test_the_steppers_javascript_agrees_with_the_vectors_in_the_browser(browser):
    assert in_browser(ConvolutionStepper, ANSWER_STEPS, STEPS, browser) == STEPS


def test_the_stepper_holds_what_it_was_given():
    stepper = ConvolutionStepper(image=[[1, 2, 3], [4, 5, 6], [7, 8, 9]], weights=torch.eye(2), stride=1)
    assert (stepper.size, stepper.kernel) == (3, 2)
    assert stepper.output().tolist() == [[6, 8], [12, 14]]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"kernel": 6}, "The stepper shows a kernel from 1 to 5, not 6."),
        ({"stride": 0}, "The stepper shows a stride from 1 to 4, not 0."),
        ({"stamps": True}, "Only a transposed convolution is made of stamps: pass transposed=True as well."),
        ({"weights": [[1, 2]]}, "weights must be a square table of at most 5 rows, not of shape (1, 2)."),
    ],
)
def test_the_stepper_says_what_it_cannot_show(options, sentence):
    with pytest.raises(ValueError) as refused:
        ConvolutionStepper(**options)
    assert str(refused.value) == sentence


IMAGE = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 1, 2, 3], [4, 5, 6, 7]]


def point_at(page, row, column, units):
    drawn = page.locator(".pw-cs-choose")
    drawn.scroll_into_view_if_needed()
    box = drawn.bounding_box()
    return box["x"] + (column + 0.5) / units * box["width"], box["y"] + (row + 0.5) / units * box["height"]


@pytest.mark.browser
def test_the_mouse_chooses_an_output_and_the_sum_is_told(show):
    page = show(ConvolutionStepper(image=IMAGE, weights=[[1, 0], [0, -1]]))
    page.mouse.move(*point_at(page, 1, 2, units=3))
    assert said(page) == (
        "Output (1, 2), number 6 of 9, is 4. Its window lies on rows 1 to 2 and columns 2 to 3 of the input."
    )
    assert page.locator(".pw-cs-sum").inner_text() == "7·1 + 8·0 + 2·0 + 3·(−1) = 4"
    assert page.locator(".pw-cs-products span").all_inner_texts() == ["7", "0", "0", "−3"]
    assert page.locator("text.pw-cs-done").count() == 5
    assert page.locator("text.pw-cs-now").text_content() == "4"


@pytest.mark.browser
def test_a_tap_chooses_an_output_on_a_phone(show):
    page = show(ConvolutionStepper(image=IMAGE, weights=[[1, 0], [0, -1]]), PHONE, has_touch=True, is_mobile=True)
    page.touchscreen.tap(*point_at(page, 2, 0, units=3))
    assert said(page).startswith("Output (2, 0), number 7 of 9, is 4.")


@pytest.mark.browser
def test_the_keyboard_steps_through_the_output_and_the_page_stays(show):
    page = show(ConvolutionStepper(image=IMAGE, weights=[[1, 0], [0, -1]]), {"width": 1280, "height": 500})
    page.locator(".pw-cs-choose").focus()
    before = page.evaluate("scrollY")
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    assert said(page).startswith("Output (1, 1), number 5 of 9, is 4.")
    page.keyboard.press("End")
    assert said(page).startswith("Output (1, 2), ")
    assert page.evaluate("scrollY") == before
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    assert said(page).startswith("Output (2, 0), ")


@pytest.mark.browser
def test_buttons_step_back_and_on_and_play_runs_to_the_end(show):
    page = show(ConvolutionStepper(image=IMAGE, weights=[[1, 0], [0, -1]], unit=(2, 0)))
    page.get_by_role("button", name="One step back").click()
    assert said(page).startswith("Output (1, 2), ")
    page.get_by_role("button", name="One step on").click()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelector('.pw-say').textContent.startsWith('Output (2, 2), number 9 of 9')")
    page.get_by_role("button", name="Play").wait_for()
    assert page.get_by_role("button", name="One step on").is_disabled()


@pytest.mark.browser
def test_the_formula_shows_the_numbers_and_what_no_window_reaches(show):
    page = show(ConvolutionStepper(image=IMAGE, kernel=3, stride=2))
    assert page.locator(".pw-cs-formula").inner_text() == (
        "output size = ⌊(n + 2p − d·(k − 1) − 1) / s⌋ + 1 = ⌊(4 + 2·0 − 1·(3 − 1) − 1) / 2⌋ + 1 = 1"
    )
    assert said(page).endswith(" The last row and column of the padded input lie in no window.")


@pytest.mark.browser
def test_a_window_that_does_not_fit_is_told_and_can_be_mended(show):
    page = show(ConvolutionStepper(size=4, kernel=3))
    page.get_by_role("button", name="more dilation").click()
    assert said(page) == "A window that spans 5 pixels does not fit 4 pixels with 0 of padding on each side."
    assert page.get_by_role("button", name="Play").is_disabled()
    page.get_by_role("button", name="more padding").click()
    assert said(page).startswith("Output (0, 0), number 1 of 4, ")
    page.get_by_role("spinbutton", name="input size").fill("2")
    assert "does not fit 2 pixels" in said(page)


@pytest.mark.browser
def test_a_transposed_convolution_shows_zeros_between_and_the_kernel_turned(show):
    page = show(ConvolutionStepper(size=3, weights=[[1, 2, 3], [4, 5, 6], [7, 8, 9]], stride=2, padding=1))
    page.get_by_role("button", name="Transposed").click()
    shown = page.locator(".pw-cs-kernel input").evaluate_all("all => all.map((one) => one.value)")
    assert shown == ["9", "8", "7", "6", "5", "4", "3", "2", "1"]
    assert page.locator(".pw-cs-input figcaption").inner_text() == (
        "Input: 3×3, 1 zero put between neighbours, 1 of padding on each side"
    )
    assert page.locator("rect.pw-cs-between").count() == 25 - 9
    page.get_by_role("button", name="more output padding").click()
    assert page.locator(".pw-cs-formula").inner_text().endswith("= (3 − 1)·2 − 2·1 + 1·(3 − 1) + 1 + 1 = 6")
    page.get_by_role("button", name="more output padding").click()
    assert said(page).startswith("output_padding must be at least 0 and smaller than stride or dilation, not 2")


@pytest.mark.browser
def test_stamps_add_up_and_what_padding_cuts_off_is_shown(show):
    kernel = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    page = show(ConvolutionStepper(image=[[1, 2], [3, 4]], weights=kernel, stride=2, padding=1))
    page.get_by_role("button", name="Stamps").click()
    shown = page.locator(".pw-cs-kernel input").evaluate_all("all => all.map((one) => one.value)")
    assert shown == ["1", "2", "3", "4", "5", "6", "7", "8", "9"]
    assert said(page) == (
        "Input (0, 0), number 1 of 4, is 1. 1 times the kernel is added to rows −1 to 1 and columns −1 to 1 of the "
        "output. What lies outside 0 to 2 is cut off."
    )
    page.locator(".pw-cs-input svg").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".pw-cs-products span").all_inner_texts() == ["2", "4", "6", "8", "10", "12", "14", "16", "18"]
    # Column 2 of the canvas holds the last column of the first stamp and the first one of the second.
    columns = page.locator(".pw-cs-output text").evaluate_all("all => all.map((one) => one.textContent)")
    assert columns[:5] == ["1", "2", "5", "4", "6"]
    assert page.locator(".pw-cs-output figcaption").inner_text() == "Output: 3×3, 1 cut off on each side"
    assert page.locator(".pw-cs-output rect.pw-cs-cut").count() == 25 - 9
    page.get_by_role("button", name="more output padding").click()
    assert page.locator(".pw-cs-output figcaption").inner_text() == "Output: 4×4, 1 cut off on each side"
    page.mouse.move(*point_at(page, 1, 0, units=2))
    assert said(page).startswith("Input (1, 0), number 3 of 4, is 3. ")


@pytest.mark.browser
def test_sums_by_phase_say_whether_flat_stays_flat(show):
    page = show(ConvolutionStepper(transposed=True, stamps=True, size=3, weights=[[1, 2], [3, 4]], stride=2))
    sums = page.locator(".pw-cs-phases span")
    caption = page.locator(".pw-cs-phases figcaption")
    assert sums.all_inner_texts() == ["1", "2", "3", "4"]
    assert caption.inner_text() == "Weights summed by phase: unequal, so flat becomes a pattern"
    for name, value in (("weight (0, 0)", "4"), ("weight (0, 1)", "4"), ("weight (1, 0)", "4")):
        page.get_by_label(name).fill(value)
    assert caption.inner_text() == "Weights summed by phase: equal, so flat stays flat"
    page.get_by_role("button", name="Convolution", exact=True).click()
    assert not caption.is_visible()


@pytest.mark.browser
def test_a_weight_typed_over_changes_the_sum(show):
    page = show(ConvolutionStepper(image=IMAGE, weights=[[1, 0], [0, -1]]))
    page.get_by_label("weight (0, 1)").fill("0.5")
    assert page.locator(".pw-cs-sum").inner_text() == "1·1 + 2·0.5 + 5·0 + 6·(−1) = −4"


# The budget explorer

BUDGETS = vectors("budget")

ANSWER_BUDGETS = """
(explorer, asked) => ({
  tables: asked.tables.map(({ name, layers, pixels }) => {
    const { rows, refused } = explorer.rowsOf(layers, pixels);
    return { name, pixels, layers, rows, totals: explorer.totals(rows), refused };
  }),
  short: asked.short.map(([number]) => [number, explorer.short(number)]),
})
"""


def network_of(layers, pixels):
    """A table of the budget explorer as a PyTorch module."""
    modules, channels, side, flat = [], 3, pixels, False
    for layer in layers:
        made = layer.get("channels")
        if layer["kind"] == "conv":
            modules += [nn.Conv2d(channels, made, layer["kernel"], padding=layer["kernel"] // 2), nn.ReLU()]
        elif layer["kind"] == "pool":
            modules.append(nn.MaxPool2d(2))
            side //= 2
        else:
            modules += [] if flat else [nn.Flatten()]
            modules += [nn.Linear(channels if flat else channels * side**2, made), nn.ReLU()]
            flat = True
        channels = made or channels
    return nn.Sequential(*modules)


@pytest.mark.parametrize("vector", BUDGETS["tables"], ids=lambda vector: vector["name"])
def test_python_and_a_traced_module_agree_with_the_budgets_vectors(vector):
    if vector["refused"]:
        with pytest.raises(ValueError, match="does not fit"):
            budget.rows_of(vector["layers"], vector["pixels"])
        return
    assert budget.rows_of(vector["layers"], vector["pixels"]) == vector["rows"]
    with torch.device("meta"):
        traced = trace(network_of(vector["layers"], vector["pixels"]), (3, vector["pixels"], vector["pixels"]))
    assert {name: getattr(traced, name) for name in vector["totals"]} == vector["totals"]
    rows = [[row["shape"], row["parameters"], row["activations"], row["macs"]] for row in vector["rows"]]
    assert [row[1:] for row in budget.folded(traced)] == rows


@needs_node
def test_the_budgets_javascript_agrees_with_the_vectors_in_node(tmp_path):
    assert in_node(BudgetExplorer, ANSWER_BUDGETS, BUDGETS, tmp_path) == BUDGETS


@pytest.mark.browser
def test_the_budgets_javascript_agrees_with_the_vectors_in_the_browser(browser):
    assert in_browser(BudgetExplorer, ANSWER_BUDGETS, BUDGETS, browser) == BUDGETS


@pytest.mark.parametrize("name", zoo.MODELS)
def test_the_rows_of_a_network_sum_up_to_its_trace(name):
    traced = zoo.MODELS[name].trace()
    sums = [sum(column) for column in list(zip(*budget.folded(traced), strict=True))[2:]]
    assert sums == [traced.parameters, traced.activations, traced.macs]


@pytest.mark.parametrize(("configuration", "name"), [("A", "vgg11"), ("C", "vgg16_c"), ("D", "vgg16"), ("E", "vgg19")])
def test_the_table_to_change_begins_as_the_zoos_vgg(configuration, name):
    rows = budget.rows_of(budget.table(configuration), 224)
    assert [list(row.values()) for row in rows] == budget.folded(zoo.MODELS[name].trace())


def test_the_budget_explorer_says_what_it_does_not_hold():
    with pytest.raises(ValueError, match="The zoo has no 'vgg99'"):
        BudgetExplorer(["vgg99"])
    with pytest.raises(ValueError, match="The explorer holds your VGG, vgg11, and no 'vgg16'"):
        BudgetExplorer(["vgg11"], chosen="vgg16")
    with pytest.raises(ValueError, match="The table to change begins as one of A, B, C, D, E, not as 'A-LRN'"):
        BudgetExplorer(["vgg11"], configuration="A-LRN")


FEW = ["alexnet", "vgg16", "resnet18"]


def cells(page, table, row):
    return page.locator(f".pw-bu-{table} tbody tr").nth(row).locator(".pw-bu-quantity").all_inner_texts()


@pytest.mark.browser
def test_a_click_on_a_network_shows_its_layers(show):
    page = show(BudgetExplorer(FEW))
    page.locator(".pw-bu-networks tr", has_text="alexnet").locator("td").first.click()
    traced = zoo.MODELS["alexnet"].trace()
    assert said(page).startswith(f"alexnet: {traced.parameters:,} parameters (most in ")
    assert page.locator(".pw-bu-layers tbody tr").count() == len(budget.folded(traced))
    assert not page.get_by_role("button", name="Add a pooling").is_visible()


@pytest.mark.browser
def test_the_keyboard_goes_through_the_networks_and_sorts_them(show):
    page = show(BudgetExplorer(FEW))
    page.get_by_role("radio", name="your VGG").focus()
    page.keyboard.press("ArrowDown")
    assert said(page).startswith("alexnet: ")
    page.get_by_role("button", name="Sort networks by MACs").focus()
    page.keyboard.press("Enter")
    names = page.locator(".pw-bu-networks tbody th").all_inner_texts()
    assert names == ["your VGG", "vgg16", "resnet18", "alexnet"]
    assert page.locator("th.pw-bu-macs").first.get_attribute("aria-sort") == "descending"
    page.get_by_role("radio", name="resnet18").focus()
    page.keyboard.press("ArrowDown")
    assert said(page).startswith("alexnet: ")


@pytest.mark.browser
def test_a_changed_width_changes_the_bars_and_the_totals(show):
    widget = BudgetExplorer(FEW)
    page = show(widget)
    page.get_by_label("channels of conv1_2").fill("128")
    layers = [dict(layer) for layer in widget.layers]
    layers[1]["channels"] = 128
    rows = budget.rows_of(layers, 224)
    assert said(page).startswith(f"your VGG: {sum(row['parameters'] for row in rows):,} parameters (most in fc6, ")
    titles = (
        page.locator(".pw-bu-layers tbody tr")
        .nth(1)
        .locator(".pw-bu-quantity")
        .evaluate_all("all => all.map((cell) => cell.title)")
    )
    assert titles == [f"{rows[1][name]:,}" for name in ("parameters", "activations", "macs")]
    share = "document.querySelectorAll('.pw-bu-layers tbody tr')[1].querySelector('.pw-bu-activations').style"
    assert page.evaluate(f"{share}.getPropertyValue('--share')") == "100%"
    assert page.get_by_label("Begin with").input_value() == "your own"


@pytest.mark.browser
def test_layers_of_the_table_come_and_go(show):
    page = show(BudgetExplorer(FEW, configuration="A"))
    names = page.locator(".pw-bu-layers tbody .pw-bu-name")
    page.get_by_role("radio", name="conv1_1").check()
    page.get_by_role("button", name="Add a convolution").click()
    assert names.all_inner_texts()[:3] == ["conv1_1", "conv1_2", "pool1"]
    assert page.get_by_role("radio", name="conv1_2").is_checked()
    page.get_by_role("button", name="Remove conv1_1").click()
    assert names.all_inner_texts()[:2] == ["conv1_1", "pool1"]
    page.get_by_role("button", name="Add a linear layer").click()
    assert names.all_inner_texts()[-4:] == ["fc6", "fc7", "fc8", "fc9"]
    page.get_by_role("radio", name="fc9").check()
    page.get_by_role("button", name="Add a pooling").click()
    assert names.all_inner_texts()[-6:] == ["pool5", "pool6", "fc6", "fc7", "fc8", "fc9"]
    page.get_by_label("Begin with").select_option("VGG E")
    assert said(page).startswith("your VGG: 143,667,240 parameters")


@pytest.mark.browser
def test_a_pooling_that_does_not_fit_is_told_and_can_be_mended(show):
    page = show(BudgetExplorer(FEW))
    page.get_by_label("Input").fill("16")
    assert said(page).startswith("pool5 does not fit: its window spans 2 pixels, and the map before it has 1.")
    page.get_by_label("Input").fill("32")
    assert said(page).startswith("your VGG: ")


@pytest.mark.browser
def test_a_tap_on_a_phone_chooses_the_quantity_and_the_network(show):
    page = show(BudgetExplorer(FEW), PHONE, has_touch=True, is_mobile=True)
    assert page.locator(".pw-bu-networks td.pw-bu-macs").first.is_hidden()
    page.get_by_role("button", name="MACs", exact=True).tap()
    assert page.locator(".pw-bu-networks td.pw-bu-macs").first.is_visible()
    assert page.locator(".pw-bu-networks td.pw-bu-parameters").first.is_hidden()
    page.locator(".pw-bu-networks tr", has_text="resnet18").tap()
    assert said(page).startswith("resnet18: ")


# The receptive-field explorer: what is measured beside what is possible (test_site.py has the rest, on its page)

THREE = [Conv(3, padding=1, channels=1, name=f"conv{i}") for i in (1, 2, 3)]


def effect(page):
    return page.locator(".pw-rf-effect").inner_text()


@pytest.mark.browser
def test_an_edited_stack_shows_the_computed_contributions_and_says_so(show):
    page = show(ReceptiveFieldExplorer(THREE, pixels=15))
    assert effect(page) == (
        "Computed, with the squared gradient spread evenly over each window (independent weights): half lies in the "
        "central 5×5 pixels, 95% in 7×7, 100% of the field's area."
    )
    cells = page.locator(".pw-rf-tone").evaluate_all(
        "all => all.map((one) => one.getAttribute('d').split('M').length - 1)"
    )
    assert sum(cells) == 49
    page.get_by_label("dilation of conv1").fill("3")
    page.get_by_label("dilation of conv2").fill("3")
    edited = [Conv(3, padding=1, dilation=d, channels=1) for d in (3, 3, 1)]
    unit = output_shape(edited, (1, 15, 15))[1] - 1  # the chosen unit, 7, is no longer there: the last one is nearest
    spread = torch.tensor(contributions(edited, unit, 15), dtype=torch.float64)
    field = receptive_field(edited)
    first = (field.interval(unit, axis=0)[0],) * 2
    half, most = (measured.central_side(torch.outer(spread, spread), first, field.size[0], p) for p in (0.5, 0.95))
    assert f"half lies in the central {half}×{half} pixels, 95% in {most}×{most}" in effect(page)
    assert page.get_by_role("button", name="Measure this stack").count() == 0


@pytest.mark.browser
def test_a_network_with_branches_shows_its_rows_and_what_was_measured(show):
    page = show(ReceptiveFieldExplorer())
    choose(page, "Preset stack", "resnet50")
    assert said(page) == (
        "Unit (3, 3) of conv5.block3 has a field of 427×427 pixels: rows -117 to 309, columns -117 to 309. "
        "132153 of those 182329 positions lie outside the image."
    )
    found = json.loads(measured.FILE.read_text())["resnet50"]["conv5.block3"]
    assert effect(page).startswith(
        f"Measured at unit (3, 3) of 4 untrained networks: half lies in the central {found['half']}×{found['half']} "
        f"pixels, 95% in {found['most']}×{found['most']}, "
    )
    assert page.locator(".pw-rf-section").is_hidden()
    assert page.locator("td input[type=number]").count() == 0
    assert page.locator(".pw-rf-measured").count() == len(json.loads(measured.FILE.read_text())["resnet50"])
    page.locator(".pw-rf-map").focus()
    page.keyboard.press("PageUp")
    assert said(page).startswith("Unit (3, 3) of conv5.block2 has a field of 363×363 pixels")
    assert effect(page).startswith("This row was not measured; conv1, conv2.block3, ")
    choose(page, "Preset stack", "three 3×3")
    assert said(page).startswith("Unit (7, 7) of conv3 has a field of 7×7 pixels")


@pytest.mark.browser
def test_measured_and_computed_stand_beside_each_other_for_a_network_without_branches(show):
    page = show(ReceptiveFieldExplorer())
    found = json.loads(measured.FILE.read_text())["alexnet_paper"]["pool5"]
    assert page.get_by_label("Preset stack").input_value() == "alexnet_paper"
    assert "half lies in the central 65×65 pixels, 95% in 129×129" in effect(page)
    assert (
        f"half lies in the central {found['half']}×{found['half']} pixels, 95% in {found['most']}×{found['most']}"
        in effect(page)
    )
    caption = page.locator(".pw-rf-views figcaption").last
    assert caption.inner_text() == "Contribution, measured, unit (3, 3)"
    page.get_by_label("Which contribution of the pixels to show").select_option("even")
    assert caption.inner_text() == "Contribution, computed, unit (3, 3)"
    page.locator(".pw-rf-map").focus()
    page.keyboard.press("ArrowUp")
    assert caption.inner_text() == "Contribution, computed, unit (2, 3)"


@pytest.mark.browser
def test_a_page_with_a_kernel_offers_to_measure_and_waits_for_the_answer(show, monkeypatch):
    alive = ReceptiveFieldExplorer.page_html
    monkeypatch.setattr(
        ReceptiveFieldExplorer, "page_html", lambda self: alive(self).replace('"live": false', '"live": true')
    )
    page = show(ReceptiveFieldExplorer(THREE, pixels=15))
    page.get_by_role("button", name="Measure this stack").click()
    assert page.get_by_role("button", name="Measuring …").is_disabled()
    page.get_by_label("stride of conv1").fill("2")
    assert page.get_by_role("button", name="Measure this stack").is_enabled()


@pytest.mark.browser
def test_the_answer_of_a_kernel_is_shown(show):
    widget = ReceptiveFieldExplorer(THREE, pixels=15)
    widget.request = {"layers": widget.layers, "pixels": 15}
    page = show(widget)
    found = widget.answer["found"]
    assert f"Measured at unit (7, 7) of 8 untrained networks: half lies in the central {found['half']}×" in effect(page)


@pytest.mark.browser
def test_a_tap_chooses_a_unit_of_a_network_with_branches(show):
    page = show(ReceptiveFieldExplorer(network="resnet18"), PHONE, has_touch=True, is_mobile=True)
    drawn = page.locator(".pw-rf-map")
    drawn.scroll_into_view_if_needed()
    box = drawn.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.5 / 7, box["y"] + box["height"] * 6.5 / 7)
    assert said(page).startswith("Unit (6, 0) of conv5.block2 has a field of 435×435 pixels: rows -25 to 409")


def test_a_change_from_python_keeps_the_unit_on_its_map():
    widget = ReceptiveFieldExplorer(pixels=227)
    assert (widget.depth, widget.unit) == (8, [3, 3])
    widget.pixels = 160
    assert widget.unit == [2, 2]
    widget.unit = [-1, 99]
    assert widget.unit == [0, 2]
    widget.layers = widget.layers[:2]
    assert (widget.depth, widget.unit) == (2, [0, 2])
    widget.depth = 9
    assert widget.depth == 2


def test_a_window_that_does_not_fit_leaves_the_unit_as_it_is_for_python():
    widget = ReceptiveFieldExplorer(THREE, pixels=15, unit=(7, 7))
    widget.layers = [{**layer, "padding": 0, "kernel": 9} for layer in widget.layers]
    assert widget.unit == [7, 7]


def test_a_unit_of_a_network_with_branches_stays_on_its_map_too():
    widget = ReceptiveFieldExplorer(network="resnet18")
    widget.unit = [500, 0]
    assert widget.unit == [6, 0]
