"""The skip-fusion viewer: its steps in both languages, and what a reader changes and sees."""

import math

import pytest
import torch
import torch.nn.functional as F

from pixelwise import metrics, zoo
from pixelwise.data import VOID
from pixelwise.data.scenes import CLASSES
from pixelwise.explorers.skip_fusion import ALIGNED, STRIDES, SkipFusion, upsampled
from tests.conftest import DESK, PHONE
from tests.explorer_pages import choose, fusion_of_scenes, in_browser, in_node, needs_node, said, vectors

VECTORS = vectors("skip_fusion")

IMAGES, LABELS = torch.zeros(1, 3, 32, 32), torch.zeros(1, 32, 32, dtype=torch.int64)
SCORES = [torch.zeros(1, 9, 32 // stride, 32 // stride) for stride in STRIDES]

ANSWER = """
(explorer, asked) => asked.map(({ size, labels, scores, crops, width, probes }) => {
  const truth = labels.map((row) => [...row].map((mark) => (mark === "x" ? explorer.VOID : Number(mark))));
  const steps = explorer.fusion(scores, crops, size);
  return Object.fromEntries(explorer.STRIDES.map((stride) => {
    const { fused } = steps[stride];
    const map = explorer.labelled(fused);
    return [stride, {
      probes: probes.map(([row, column]) => fused.map((scores) => scores[row][column])),
      map: map.map((row) => row.join("")),
      metrics: explorer.scored(truth, map, fused.length, explorer.trimap(truth, width)),
    }];
  }));
})
"""


def viewer(vector):
    labels = torch.tensor([[VOID if mark == "x" else int(mark) for mark in row] for row in vector["labels"]])
    scores = [torch.tensor(vector["scores"][str(stride)])[None] for stride in STRIDES]
    names = [f"class {label}" for label in range(scores[0].shape[1])]
    made = SkipFusion(
        torch.zeros(1, 3, *labels.shape), labels[None], *scores, names, ["#123456"] * len(names), width=vector["width"]
    )
    made.crops = vector["crops"]
    return made


def assert_same(found, expected):
    """Compares what was found at each stride with the vectors, where an IoU that is not defined is null."""
    for stride in map(str, STRIDES):
        assert found[stride]["map"] == expected[stride]["map"]
        assert torch.tensor(found[stride]["probes"]).allclose(torch.tensor(expected[stride]["probes"]))
        for name, value in expected[stride]["metrics"].items():
            values = [found[stride]["metrics"][name], value]
            one, other = ([math.nan if v is None else v for v in (v if isinstance(v, list) else [v])] for v in values)
            assert one == pytest.approx(other, nan_ok=True)


# The steps


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_pytorch_agrees_with_the_vectors(vector):
    made = viewer(vector)
    found = {}
    for stride in STRIDES:
        fused = made.fused(stride)
        found[str(stride)] = {
            "probes": [fused[:, row, column].tolist() for row, column in vector["probes"]],
            "map": ["".join(map(str, row)) for row in fused.argmax(0).tolist()],
            "metrics": made.metrics(stride),
        }
    assert_same(found, vector["found"])


@needs_node
def test_the_javascript_agrees_with_the_vectors_in_node(tmp_path):
    for found, vector in zip(in_node(SkipFusion, ANSWER, VECTORS, tmp_path), VECTORS, strict=True):
        assert_same(found, vector["found"])


@pytest.mark.browser
def test_the_javascript_agrees_with_the_vectors_in_the_browser(browser):
    for found, vector in zip(in_browser(SkipFusion, ANSWER, VECTORS, browser), VECTORS, strict=True):
        assert_same(found, vector["found"])


@pytest.mark.parametrize("factor", [2, 8, 32])
def test_an_aligned_crop_of_the_upsampling_is_bilinear_interpolation(factor):
    scores = torch.randn(2, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(factor))
    begin = factor + factor // 2
    cut = upsampled(scores, factor)[:, begin : begin + 3 * factor, begin : begin + 5 * factor]
    expected = F.interpolate(scores[None], scale_factor=factor, mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(cut, expected)


def test_the_viewer_gives_the_logits_of_the_zoos_fcn_8s():
    torch.manual_seed(0)
    network = zoo.build(
        "fcn8s", classes=9, configuration="A", crops="modern", learned="none", normalise=True, head=16, kernel=3
    ).eval()
    scores = {}
    for stride, layer in {32: network.head.score_fr, 16: network.scores["pool4"], 8: network.scores["pool3"]}.items():
        torch.nn.init.normal_(layer.weight)
        layer.register_forward_hook(lambda _, __, output, stride=stride: scores.update({stride: output}))
    images = torch.rand(2, 3, 96, 64)
    with torch.no_grad():
        logits = network(images)
    made = SkipFusion(images, torch.zeros(2, 96, 64, dtype=torch.int64), *(scores[stride] for stride in STRIDES))
    size = logits.abs().max()
    for scene in (0, 1):
        torch.testing.assert_close(made.fused(8, scene).float() / size, logits[scene] / size, atol=0.01, rtol=0)


def test_a_crop_that_is_not_aligned_moves_the_coarse_scores():
    made = SkipFusion(IMAGES, LABELS, torch.randn(1, 9, 1, 1), torch.randn(1, 9, 2, 2), torch.zeros(1, 9, 4, 4))
    aligned = made.fused(8)
    made.crops = [[ALIGNED, ALIGNED], [ALIGNED, ALIGNED + 1]]  # a cell of stride 8 to the right
    torch.testing.assert_close(made.fused(8)[:, :, 4:-12], aligned[:, :, 12:-4])


def test_finer_scores_make_better_label_maps_and_most_so_near_contours():
    made = fusion_of_scenes(4)
    for scene in range(4):
        coarse, middle, fine = (made.metrics(stride, scene) for stride in STRIDES)
        for name in ("pixel_accuracy", "band_accuracy", "mean_iou"):
            assert coarse[name] < middle[name] < fine[name]
        assert fine["band_accuracy"] < fine["pixel_accuracy"]


# What it holds


def test_four_scenes_make_a_page_of_less_than_300_kilobytes():
    made = fusion_of_scenes(4)
    assert len(made.page_html().encode()) < 300_000


def test_scores_keep_three_digits():
    scores = [torch.randn(1, 9, 32 // stride, 32 // stride) for stride in STRIDES]
    kept = torch.tensor(SkipFusion(IMAGES, LABELS, *scores).scores8)
    assert ((kept - scores[2]).abs() <= 0.005 * scores[2].abs()).all()
    assert all(len(f"{value:.6e}".split("e")[0].rstrip("0")) <= 5 for value in kept.double().abs().flatten().tolist())


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            (torch.zeros(1, 3, 40, 32), LABELS, *SCORES),
            "images must be 1 to 4 with sides that 32 divides, not of shape (1, 3, 40, 32).",
        ),
        (
            (torch.zeros(5, 3, 32, 32), LABELS, *SCORES),
            "images must be 1 to 4 with sides that 32 divides, not of shape (5, 3, 32, 32).",
        ),
        ((IMAGES, LABELS[:, :16], *SCORES), "labels must be of shape (1, 32, 32), not (1, 16, 32)."),
        ((IMAGES, LABELS, *SCORES[::-1]), "scores32 must be of shape (1, 9, 1, 1), not (1, 9, 4, 4)."),
        ((IMAGES, LABELS, *SCORES, CLASSES, ["#000000"]), "9 classes need as many colours, not 1."),
    ],
)
def test_the_viewer_says_what_it_cannot_show(given, sentence):
    with pytest.raises(ValueError) as refused:
        SkipFusion(*given)
    assert str(refused.value) == sentence


def test_labels_without_a_class_and_other_strides_are_refused():
    with pytest.raises(ValueError, match="The truth holds the label 9, but the classes are 0 to 8"):
        SkipFusion(IMAGES, LABELS + 9, *SCORES)
    with pytest.raises(ValueError, match="FCN has strides 32, 16 and 8, and no 4"):
        SkipFusion(IMAGES, LABELS, *SCORES).fused(4)


# What is shown

NUMBERS = ("pixel_accuracy", "band_accuracy", "mean_iou")


def percent(value):
    return "—" if math.isnan(value) else f"{100 * value:.1f}%"


def numbers(page):
    return [row.locator("td").all_inner_texts() for row in page.locator(".pw-sf-numbers tbody tr").all()]


def expected_numbers(widget, *more):
    found = [widget.metrics(stride) for stride in STRIDES]
    return [[percent(one[name]) for name in NUMBERS] + [percent(one["iou"][label]) for label in more] for one in found]


def colours(page, name):
    """The colours of a map's cells, row by row, read back from what is drawn."""
    return page.evaluate(
        """async (name) => {
            const drawn = document.querySelector(`.pw-sf-${name} .pw-sf-tile`).cloneNode(true);
            const { width, height } = document.querySelector(`.pw-sf-${name} .pw-sf-tile`).viewBox.baseVal;
            for (const path of drawn.querySelectorAll("path[class]")) path.remove();
            drawn.setAttribute("width", width);
            drawn.setAttribute("height", height);
            drawn.setAttribute("xmlns", "http://www.w3.org/2000/svg");
            const image = new Image();
            image.src = `data:image/svg+xml,${encodeURIComponent(drawn.outerHTML)}`;
            await image.decode();
            const canvas = Object.assign(document.createElement("canvas"), { width, height });
            const context = canvas.getContext("2d");
            context.drawImage(image, 0, 0);
            const { data } = context.getImageData(0, 0, width, height);
            const hex = (i) => "#" + [0, 1, 2].map((c) => data[4 * i + c].toString(16).padStart(2, "0")).join("");
            const range = (n) => [...Array(n).keys()];
            return range(height).map((row) => range(width).map((column) => hex(row * width + column)));
        }""",
        name,
    )


@pytest.mark.browser
def test_the_numbers_shown_are_those_of_the_library(show):
    widget = fusion_of_scenes(3)
    page = show(widget)
    assert numbers(page) == expected_numbers(widget)
    page.get_by_label("Scene", exact=True).select_option("2")
    widget.scene = 1
    assert numbers(page) == expected_numbers(widget)
    page.get_by_role("button", name="more width of the band along contours").click()
    widget.width = 3
    assert numbers(page) == expected_numbers(widget)
    choose(page, "What the maps show", "scores of car")
    assert numbers(page) == expected_numbers(widget, CLASSES.index("car"))


@pytest.mark.browser
@pytest.mark.parametrize("stride", STRIDES)
def test_the_label_maps_drawn_are_those_of_the_library(show, stride):
    widget = fusion_of_scenes()
    page = show(widget)
    labels = widget.fused(stride).argmax(0).tolist()
    assert colours(page, f"result{stride}") == [[widget.colours[label] for label in row] for row in labels]
    coarse = torch.tensor(getattr(widget, f"scores{stride}")[0]).argmax(0).tolist()
    assert colours(page, f"scores{stride}") == [[widget.colours[label] for label in row] for row in coarse]


@pytest.mark.browser
def test_keys_move_a_crop_and_the_misalignment_is_told_and_undone(show):
    widget = fusion_of_scenes()
    page = show(widget, {"width": 1280, "height": 500})
    drawn = page.locator(".pw-sf-up16 svg")
    drawn.focus()
    before = page.evaluate("scrollY")
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    assert page.evaluate("scrollY") == before
    assert said(page).startswith(
        "The crop at stride 16 begins 2 cells too far down and 1 cell too far left; a cell is 16 pixels of the image. "
    )
    assert page.locator(".pw-sf-up16 figcaption").inner_text() == "Scores ×2: 12×12, crop 5, 2"
    assert drawn.get_attribute("aria-label").startswith("the scores of stride 32 upsampled by 2, crop at row 5 and ")
    widget.crops = [[5, 2], [3, 3]]
    assert numbers(page) == expected_numbers(widget)
    page.keyboard.press("Home")
    widget.crops = [[3, 3], [3, 3]]
    assert numbers(page) == expected_numbers(widget)
    assert page.get_by_role("button", name="Align both crops").is_disabled()


def drag(page, name, down, right, cells):
    box = page.locator(f".pw-sf-{name} svg").bounding_box()
    side = box["width"] / cells
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    return middle, (middle[0] + right * side, middle[1] + down * side)


@pytest.mark.browser
def test_the_mouse_drags_the_second_crop(show):
    widget = fusion_of_scenes()
    page = show(widget)
    begin, end = drag(page, "up8", down=-1, right=2, cells=18)
    page.mouse.move(*begin)
    page.mouse.down()
    page.mouse.move(*end)
    page.mouse.up()
    page.mouse.move(*begin)
    widget.crops = [[3, 3], [2, 5]]
    assert page.locator(".pw-sf-up8 figcaption").inner_text() == "Sum ×2: 18×18, crop 2, 5"
    assert numbers(page) == expected_numbers(widget)
    page.get_by_role("button", name="Align both crops").click()
    assert page.locator(".pw-sf-up8 figcaption").inner_text() == "Sum ×2: 18×18, crop 3, 3"


@pytest.mark.browser
def test_a_finger_drags_a_crop_on_a_phone_and_the_page_stays(show):
    page = show(fusion_of_scenes(), PHONE, has_touch=True, is_mobile=True)
    page.locator(".pw-sf-up16 svg").scroll_into_view_if_needed()
    session = page.context.new_cdp_session(page)
    before = page.evaluate("scrollY")
    begin, end = drag(page, "up16", down=1, right=-1, cells=12)
    for kind, points in (("touchStart", [begin]), ("touchMove", [end]), ("touchEnd", [])):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})
    assert page.locator(".pw-sf-up16 figcaption").inner_text() == "Scores ×2: 12×12, crop 4, 2"
    assert page.evaluate("scrollY") == before


@pytest.mark.browser
def test_the_scores_of_a_class_are_drawn_with_its_outline_and_a_scale(show):
    widget = fusion_of_scenes()
    page = show(widget)
    assert page.locator(".pw-sf-outline").count() == 0
    choose(page, "What the maps show", "scores of car")
    car = CLASSES.index("car")
    size = max(abs(value) for stride in STRIDES for row in getattr(widget, f"scores{stride}")[0][car] for value in row)
    ends = page.locator(".pw-sf-key span").all_inner_texts()
    assert ends[0] == "−" + ends[1].removeprefix("+")
    assert float(ends[1]) >= float(f"{size:.2g}")
    assert page.locator(".pw-sf-outline").count() == 4
    inside = widget.fused(8).argmax(0) == car
    edges = sum(int((inside.diff(dim=axis) != 0).sum()) for axis in (0, 1))
    edges += sum(int(side.sum()) for side in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))
    assert page.locator(".pw-sf-result8 .pw-sf-outline").get_attribute("d").count("M") == edges


def cells(page, mark, name):
    """How many cells a mark covers in a map."""
    return page.evaluate(
        """([mark, name]) => [...document.querySelectorAll(`.pw-sf-${name} .pw-sf-${mark}`)]
            .flatMap((one) => [...one.getAttribute("d").matchAll(/h([0-9]+)v/g)])
            .reduce((sum, [, length]) => sum + Number(length), 0)""",
        [mark, name],
    )


@pytest.mark.browser
def test_wrong_pixels_are_marked_and_what_is_far_from_contours_is_dimmed(show):
    widget = fusion_of_scenes()
    page = show(widget)
    page.get_by_label("mark wrong pixels").check()
    right = widget.metrics(16)["pixel_accuracy"]
    assert cells(page, "missed", "result16") == round((1 - right) * 96 * 96)
    truth = widget._truth(0)
    car = CLASSES.index("car")
    choose(page, "What the maps show", "scores of car")
    wrong = (truth == car) != (widget.fused(16).argmax(0) == car)
    assert cells(page, "missed", "result16") == int(wrong.sum())
    choose(page, "What the maps show", "the label maps")
    page.get_by_label("dim what is far from contours").check()
    far = int((metrics.trimap(truth, 2) == VOID).sum())
    assert cells(page, "dim", "result8") == cells(page, "dim", "truth") == far


@pytest.mark.browser
@pytest.mark.parametrize("viewport", [DESK, PHONE, {"width": 360, "height": 740}], ids=["desk", "phone", "small phone"])
def test_every_control_is_large_enough_for_a_finger_and_nothing_runs_over(show, viewport):
    page = show(fusion_of_scenes(shown=5), viewport)
    small = page.evaluate(
        """() => [...document.querySelectorAll(".pw-frame :is(button, select, input, label, [tabindex])")]
            .filter((one) => (one.offsetParent || one.ownerSVGElement === null) && one.type !== "checkbox")
            .map((one) => [one.outerHTML.slice(0, 90), one.getBoundingClientRect()])
            .filter(([, { width, height }]) => width < 31.9 || height < 31.9)"""
    )
    assert small == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    boxes = page.locator(".pw-lm-box").evaluate_all("all => all.map((one) => one.scrollWidth - one.clientWidth)")
    assert boxes == [0]
