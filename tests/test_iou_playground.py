"""The IoU playground: its scores in both languages, and what a reader paints and sees."""

import math

import pytest
import torch

from pixelwise import metrics
from pixelwise.data import VOID
from pixelwise.explorers import iou_playground
from pixelwise.explorers.iou_playground import SCENES, IouPlayground
from tests.conftest import DESK, PHONE
from tests.explorer_pages import choose, in_browser, in_node, needs_node, said, vectors

VECTORS = vectors("iou_playground")

ANSWER = """
(explorer, asked) => asked.map(({ classes, width, void_band, truth, prediction }) => {
  const scored = void_band ? truth.map(explorer.voided) : truth;
  const under = (void_) => explorer.scores(scored, prediction, classes, width, void_);
  return { masked: under("masked"), error: under("error") };
})
"""

# A square of 3×3 in the middle, and a pixel in the corner.
SQUARE = [[2, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]]


def labels(images):
    """The label maps of a vector, in which a dot is class 0 and an x is void."""
    named = {".": 0, "x": VOID} | {str(label): label for label in range(10)}
    return [[[named[mark] for mark in row] for row in image] for image in images]


def playground(vector):
    return IouPlayground(
        truth=labels(vector["truth"]),
        prediction=labels(vector["prediction"]),
        classes=[f"class {label}" for label in range(vector["classes"])],
        width=vector["width"],
        void_band=vector["void_band"],
    )


def assert_same(found, expected):
    """Compares scores; one that is not defined is NaN in Python and null in JSON."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for name in expected:
            assert_same(found[name], expected[name])
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif expected is None:
        assert found is None or math.isnan(found)
    else:
        assert found == pytest.approx(expected, abs=1e-10)


def asked():
    return [vector | {name: labels(vector[name]) for name in ("truth", "prediction")} for vector in VECTORS]


# The scores


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_metrics_agree_with_the_vectors(vector):
    assert_same(playground(vector).metrics(), vector["scores"])


@needs_node
def test_the_javascript_agrees_with_the_vectors_in_node(tmp_path):
    assert_same(in_node(IouPlayground, ANSWER, asked(), tmp_path), [vector["scores"] for vector in VECTORS])


@pytest.mark.browser
def test_the_javascript_agrees_with_the_vectors_in_the_browser(browser):
    assert_same(in_browser(IouPlayground, ANSWER, asked(), browser), [vector["scores"] for vector in VECTORS])


def test_a_small_case_worked_by_hand():
    found = IouPlayground(truth=[[1, 1], [0, VOID]], prediction=[[1, 0], [0, 1]], classes=["a", "b", "c"]).metrics()
    masked, error = found["masked"], found["error"]
    assert masked["confusion"] == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert masked["iou"][:2] == [1 / 2, 1 / 2]
    assert [masked["mean_iou"][absent] for absent in ("skip", "zero", "one")] == pytest.approx([1 / 2, 1 / 3, 2 / 3])
    assert error["confusion"] == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
    assert error["iou"][:2] == pytest.approx([1 / 2, 1 / 3])
    assert error["pixel_accuracy"] == 1 / 2


@pytest.mark.parametrize("absent", ["skip", "zero", "one", "skip-not-in-truth"])
def test_with_void_masked_the_mean_is_that_of_the_metrics(absent):
    for vector in VECTORS:
        truth, prediction = torch.tensor(labels(vector["truth"])), torch.tensor(labels(vector["prediction"]))
        truth = iou_playground.voided(truth) if vector["void_band"] else truth
        counts = metrics.confusion(prediction, truth, vector["classes"])
        assert_same(metrics.mean_iou(counts, absent).item(), vector["scores"]["masked"]["mean_iou"][absent])


def test_the_vectors_tell_every_convention_apart():
    for void in ("masked", "error"):
        apart = [set(vector["scores"][void]["mean_iou"].values()) for vector in VECTORS]
        assert max(map(len, apart)) == 4
    assert any(v["scores"]["masked"]["mean_iou"] != v["scores"]["error"]["mean_iou"] for v in VECTORS)
    assert any(v["scores"]["masked"]["mean_iou"] != v["scores"]["masked"]["mean_iou_per_image"] for v in VECTORS)


# Constructor


def test_the_playground_begins_with_the_truth_moved_by_one_pixel():
    playing = IouPlayground("thin poles")
    assert playing.metrics()["masked"]["iou"][2] < 0.2
    assert [row[1:] for row in playing.prediction[0]] == [row[:-1] for row in playing.truth[0]]


def test_the_playground_takes_tensors_of_one_image_or_two():
    truth = torch.tensor(SQUARE)
    assert IouPlayground(truth=truth, prediction=truth).metrics()["masked"]["mean_iou"]["skip"] == 1
    assert len(IouPlayground(truth=torch.stack([truth, truth])).prediction) == 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"scene": "a boat"}, f"The playground has {', '.join(SCENES)}, and no scene 'a boat'."),
        ({"truth": [[0, 5]] * 2}, "truth holds the label 5; its classes are 0 to 2."),
        (
            {"prediction": [[VOID, 0]] * 2, "truth": [[0, 0]] * 2},
            "prediction holds the label 255; its classes are 0 to 2.",
        ),
        (
            {"truth": [[0] * 3] * 2, "prediction": [[0] * 2] * 2},
            "prediction has the shape (1, 2, 2) and truth (1, 2, 3): give both the same.",
        ),
        (
            {"truth": [[0] * 33] * 2},
            "truth must be one or two label maps of 2 to 32 pixels a side, not of shape (1, 2, 33).",
        ),
        ({"classes": ["one"]}, "The playground shows 2 to 7 classes, not 1."),
        ({"classes": ["a", "b"]}, "The ready scenes have 3 classes; give a truth for 2."),
        ({"shown": 3}, "shown must be a label from 0 to 2, not 3."),
        ({"width": 0}, "The playground shows boundaries 1 to 4 pixels wide, not 0."),
    ],
)
def test_the_playground_says_what_it_cannot_show(options, sentence):
    with pytest.raises(ValueError) as refused:
        IouPlayground(**options)
    assert str(refused.value) == sentence


# Editing


@needs_node
def test_objects_grow_over_background_and_shrink_to_it(tmp_path):
    found = in_node(
        IouPlayground,
        "({ grown, shrunk, shifted, line }, grid) => ({ grown: grown(grid), shrunk: shrunk(grid), "
        "down: shifted(grid, 1, -1), line: line([0, 0], [2, 5]) })",
        SQUARE,
        tmp_path,
    )
    assert found["grown"] == [[2, 2, 1, 1, 1], [2, 1, 1, 1, 1], *[[1, 1, 1, 1, 1]] * 3]
    assert found["shrunk"] == [[0] * 5, [0] * 5, [0, 0, 1, 0, 0], [0] * 5, [0] * 5]
    assert found["down"] == [[0] * 5, [0] * 5, *[[1, 1, 1, 0, 0]] * 3]
    assert found["line"] == [[0, 0], [0, 1], [1, 2], [1, 3], [2, 4], [2, 5]]


def grid(page, board):
    """The kinds of the cells of a board, row by row."""
    return page.evaluate(
        """(board) => {
            const cells = [...document.querySelectorAll(`.pw-iou-${board} .pw-iou-board > .pw-iou-cell`)];
            const rows = [...new Set(cells.map((cell) => cell.getAttribute("y")))];
            return rows.map((y) => cells.filter((cell) => cell.getAttribute("y") === y)
                .map((cell) => cell.classList[1].replace("pw-iou-", "")));
        }""",
        board,
    )


def painted(page):
    return [[int(kind[1:]) for kind in row] for row in grid(page, "prediction")]


def cell(page, row, column, rows=16, columns=16):
    """Where the middle of a cell of the prediction lies on the screen."""
    board = page.locator(".pw-iou-prediction svg.pw-iou-board")
    board.scroll_into_view_if_needed()
    box = board.bounding_box()
    margin = box["width"] / (10 * columns + 2)
    side = 10 * margin
    return box["x"] + margin + (column + 0.5) * side, box["y"] + margin + (row + 0.5) * side


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def means(page):
    """The table of mean IoU: a row's name and its four values."""
    rows = page.locator(".pw-iou-means tbody tr").all()
    return {row.locator("th").inner_text(): row.locator("td").all_inner_texts() for row in rows}


def percent(value):
    return "—" if math.isnan(value) else f"{100 * value:.1f}%"


SMALL = {"truth": SQUARE, "prediction": SQUARE}


@pytest.mark.browser
def test_dragging_the_mouse_paints_the_chosen_class_without_gaps(show):
    page = show(IouPlayground())
    button(page, "Begin from all background").click()
    button(page, "2 pole").click()
    page.mouse.move(*cell(page, 2, 3))
    page.mouse.down()
    page.mouse.move(*cell(page, 2, 12))  # in one step, as a fast hand does
    page.mouse.move(*cell(page, 6, 12))
    page.mouse.up()
    page.mouse.move(*cell(page, 10, 1))
    expected = [[0] * 16 for _ in range(16)]
    expected[2][3:13] = [2] * 10
    for row in range(3, 7):
        expected[row][12] = 2
    assert painted(page) == expected


@pytest.mark.browser
def test_every_cell_is_painted_where_it_is_pointed_at(show):
    page = show(IouPlayground(**SMALL))
    button(page, "Begin from all background").click()
    for row, column in ((0, 0), (0, 4), (4, 0), (4, 4), (2, 3)):
        page.mouse.click(*cell(page, row, column, 5, 5))
        assert painted(page)[row][column] == 1
    assert sum(map(sum, painted(page))) == 5


@pytest.mark.browser
def test_a_stroke_is_undone_as_a_whole(show):
    page = show(IouPlayground())
    before = painted(page)
    assert button(page, "Undo").is_disabled()
    page.mouse.move(*cell(page, 0, 0))
    page.mouse.down()
    page.mouse.move(*cell(page, 0, 9))
    page.mouse.up()
    assert painted(page) != before
    button(page, "Undo").click()
    assert painted(page) == before
    assert button(page, "Undo").is_disabled()


@pytest.mark.browser
def test_a_finger_paints_on_a_phone_and_the_page_stays(show):
    page = show(IouPlayground(), PHONE, has_touch=True, is_mobile=True)
    button(page, "Begin from all background").tap()
    page.touchscreen.tap(*cell(page, 3, 3))
    assert painted(page)[3][3] == 1
    session = page.context.new_cdp_session(page)
    before = page.evaluate("scrollY")

    def touch(kind, *points):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    touch("touchStart", cell(page, 6, 5))
    for row in range(7, 12):
        touch("touchMove", cell(page, row, 5))
    touch("touchEnd")
    assert [row[5] for row in painted(page)] == [0] * 6 + [1] * 6 + [0] * 4
    assert page.evaluate("scrollY") == before


@pytest.mark.browser
def test_keys_move_choose_paint_and_undo(show):
    page = show(IouPlayground(**SMALL), {"width": 1280, "height": 500})
    board = page.locator(".pw-iou-prediction svg.pw-iou-board")
    board.focus()
    before = page.evaluate("scrollY")
    press(page, "ArrowDown", "ArrowRight", "ArrowRight")
    assert said(page).startswith("Row 2, column 3: truth car, prediction car. car: 9 hits, 0 missed, 0 false alarms")
    press(page, "2", "Space")
    assert said(page).startswith("Row 2, column 3: truth car, prediction pole. car: 8 hits, 1 missed, 0 false alarms")
    press(page, "Shift+ArrowDown", "Shift+ArrowDown", "End", "0", "Home", "ArrowDown")
    assert [row[2] for row in painted(page)] == [0, 2, 2, 2, 0]
    assert said(page).startswith("Row 5, column 1: truth background, prediction background.")
    press(page, "z")
    assert [row[2] for row in painted(page)] == [0, 2, 2, 1, 0]
    assert page.evaluate("scrollY") == before
    assert board.evaluate("board => board === document.activeElement")
    assert board.get_attribute("aria-label").startswith("Prediction, 5 rows and 5 columns. Row 5, column 1: ")


@pytest.mark.browser
def test_buttons_begin_from_the_truth_move_it_and_change_its_size(show):
    page = show(IouPlayground(truth=SQUARE, prediction=[[0] * 5] * 5))
    button(page, "Begin from the truth").click()
    assert painted(page) == SQUARE
    assert "Mean IoU 100.0% under every convention." in said(page)
    button(page, "Move the prediction down by a pixel").click()
    assert painted(page) == [[0] * 5, *SQUARE[:-1]]
    button(page, "Undo").click()
    button(page, "Move the prediction left by a pixel").click()
    assert painted(page) == [[*row[1:], 0] for row in SQUARE]
    button(page, "Undo").click()
    button(page, "Shrink objects by a pixel").click()
    assert sum(map(sum, painted(page))) == 1
    button(page, "Grow objects by a pixel").click()
    assert painted(page) == [[0] * 5, *SQUARE[1:]]
    button(page, "Begin from all background").click()
    assert painted(page) == [[0] * 5] * 5


# What is shown


def shown_as(page, found):
    """Compares every number on the page with scores of the library."""
    assert page.locator(".pw-iou-overall dd").all_inner_texts() == [
        percent(found[name])
        for name in (
            "pixel_accuracy",
            "mean_class_accuracy",
            "frequency_weighted_iou",
            "mean_dice",
            "mean_boundary_iou",
        )
    ]
    rows = page.locator(".pw-iou-classes tbody tr").all()
    columns = [found[name] for name in ("class_accuracy", "iou", "dice", "boundary_iou")]
    for label, row in enumerate(rows[:-1]):
        assert row.locator("td").all_inner_texts() == [percent(column[label]) for column in columns]
    classes = len(columns[0])
    matrix = [row.locator("td").all_inner_texts() for row in page.locator(".pw-iou-confusion tbody tr").all()]
    assert matrix == [[str(count) for count in row[:classes]] for row in found["confusion"]]


@pytest.mark.browser
def test_the_numbers_shown_are_those_of_the_library_under_both_conventions_for_void(show):
    widget = IouPlayground("two objects of one class", void_band=True, width=2)
    page = show(widget)
    found = widget.metrics()
    shown_as(page, found["masked"])
    choose(page, "How void counts in these tables", "an error")
    shown_as(page, found["error"])
    assert means(page) == {
        f"void {name}": [percent(value) for value in found[void]["mean_iou"].values()]
        for void, name in (("masked", "not scored"), ("error", "an error"))
    }
    button(page, "more width of the boundary").click()
    widget.width = 3
    shown_as(page, widget.metrics()["error"])


@pytest.mark.browser
def test_an_absent_class_divides_the_conventions_and_the_extremes_are_marked(show):
    widget = IouPlayground("no car in the image")
    page = show(widget)
    mean = widget.metrics()["masked"]["mean_iou"]
    assert mean["zero"] < mean["skip"] < mean["one"]
    assert said(page) == (
        "car: absent from truth and prediction, so it has no IoU. "
        f"Mean IoU from {percent(mean['zero'])} to {percent(mean['one'])}, by convention."
    )
    assert set(page.locator(".pw-lm-least").all_inner_texts()) == {percent(mean["zero"])}
    assert set(page.locator("td.pw-lm-most").all_inner_texts()) == {percent(mean["one"])}
    page.mouse.click(*cell(page, 15, 0))  # one false alarm makes the class present, with an IoU of 0
    widget.prediction = [painted(page)]
    mean = widget.metrics()["masked"]["mean_iou"]
    assert means(page)["void not scored"] == [percent(value) for value in mean.values()]
    assert mean["skip"] == mean["zero"] < mean["skip-not-in-truth"]


@pytest.mark.browser
def test_a_second_image_shows_the_data_set_beside_the_mean_of_images(show):
    widget = IouPlayground("two objects of one class")
    page = show(widget)
    assert not page.get_by_role("button", name="image 1").is_visible()
    button(page, "Add a second image").click()
    choose(page, "Scene", "no car in the image")
    assert button(page, "image 2").get_attribute("aria-pressed") == "true"
    second = IouPlayground("no car in the image")
    both = IouPlayground(truth=widget.truth + second.truth, prediction=widget.prediction + second.prediction).metrics()
    rows = means(page)
    for void, name in (("masked", "void not scored"), ("error", "void an error")):
        assert rows[f"{name}, data set"] == [percent(value) for value in both[void]["mean_iou"].values()]
        assert rows[f"{name}, mean of images"] == [percent(v) for v in both[void]["mean_iou_per_image"].values()]
    shown_as(page, both["masked"])
    assert said(page).startswith("car, both images: ")
    button(page, "image 1").click()
    assert page.get_by_label("Scene").input_value() == "two objects of one class"
    button(page, "Remove the second").click()
    assert len(means(page)) == 2
    button(page, "Undo").click()
    assert len(means(page)) == 4


@pytest.mark.browser
def test_the_map_shows_hits_misses_and_false_alarms_of_the_chosen_class(show):
    prediction = [[0] * 5, [0, 1, 1, 0, 0], [0, 1, 1, 0, 0], [0, 1, 1, 0, 0], [0, 1, 0, 0, 0]]
    page = show(IouPlayground(truth=SQUARE, prediction=prediction))
    hit, miss, alarm, none = "hit", "miss", "false", "none"
    rows = [[none] * 5, *[[none, hit, hit, miss, none]] * 3, [none, alarm, none, none, none]]
    assert grid(page, "map") == rows
    page.get_by_label("errors near contours only").check()
    rows[2] = [none, hit, alarm, miss, none]  # the middle lies near the predicted contour, not near the true one
    assert grid(page, "map") == rows
    assert said(page).startswith(
        "car, up to 1 pixel from contours: 5 hits, 3 missed, 2 false alarms: boundary IoU 50.0%."
    )
    choose(page, "Class of the map", "pole")
    assert said(page).startswith(
        "pole, up to 1 pixel from contours: 0 hits, 1 missed, 0 false alarms: boundary IoU 0.0%."
    )
    assert page.get_by_role("img", name="Where the prediction of pole is right and wrong, near contours.").count() == 1


@pytest.mark.browser
def test_void_at_contours_is_marked_and_not_painted_from(show):
    page = show(IouPlayground(**SMALL, void_band=True))
    truth = iou_playground.voided(torch.tensor([SQUARE]))[0].tolist()
    named = [["void" if label == VOID else f"c{label}" for label in row] for row in truth]
    assert grid(page, "truth") == named
    assert sum(row.count("void") for row in grid(page, "map")) == sum(row.count(VOID) for row in truth)
    page.get_by_label("void at contours").uncheck()
    assert grid(page, "truth") == [[f"c{label}" for label in row] for row in SQUARE]


@pytest.mark.browser
def test_a_truth_with_void_of_its_own_can_be_begun_from(show):
    page = show(IouPlayground(truth=[[1, VOID], [0, 0]], prediction=[[0, 0], [0, 0]]))
    button(page, "Begin from the truth").click()
    assert painted(page) == [[1, 0], [0, 0]]


@pytest.mark.browser
def test_another_scene_can_be_chosen_and_undone(show):
    page = show(IouPlayground())
    choose(page, "Scene", "thin poles")
    assert painted(page) == IouPlayground("thin poles").prediction[0]
    button(page, "Undo").click()
    assert page.get_by_label("Scene").input_value() == "a large object"
    assert painted(page) == IouPlayground().prediction[0]


@pytest.mark.browser
@pytest.mark.parametrize("viewport", [DESK, PHONE, {"width": 360, "height": 740}], ids=["desk", "phone", "small phone"])
def test_every_control_is_large_enough_for_a_finger_and_nothing_runs_over(show, viewport):
    page = show(IouPlayground(void_band=True), viewport)
    button(page, "Add a second image").click()
    small = page.evaluate(
        """() => [...document.querySelectorAll(".pw-frame :is(button, select, input, label)")]
            .filter((one) => one.offsetParent && one.type !== "checkbox")
            .map((one) => [one.outerHTML.slice(0, 90), one.getBoundingClientRect()])
            .filter(([, { width, height }]) => width < 31.9 || height < 31.9)"""
    )
    assert small == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    boxes = page.locator(".pw-lm-box").evaluate_all("all => all.map((one) => one.scrollWidth - one.clientWidth)")
    assert boxes == [0, 0, 0]


def test_a_page_of_the_playground_is_small():
    assert len(IouPlayground().page_html().encode()) < 80_000
