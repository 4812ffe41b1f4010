"""The grouping lab: its three methods in both languages, and what a reader chooses and sees."""

import itertools

import nbformat
import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import expect
from skimage import color
from sklearn.cluster import KMeans

from pixelwise import classic
from pixelwise.explorers import grouping_lab
from pixelwise.explorers.grouping_lab import LIMITS, OWN, STARTS, GroupingLab, kmeans_steps
from tests.conftest import DESK, PHONE
from tests.explorer_pages import choose, in_browser, in_node, needs_node, said, vectors
from tests.lab import Notebook, jupyter_lab, open_page

VECTORS = vectors("grouping_lab")

# What both languages compute of a picture and its settings.
ANSWER = """
(explorer, asked) => asked.map(({ picture, settings: s }) => {
  const known = explorer.opened(picture);
  const kmeans = explorer.kmeansSteps(explorer.features(known, s.alpha), s.groups, s.start, s.seed);
  const weights = explorer.affinity(known, s.radius, s.colour, s.position);
  const relaxed = explorer.relaxedCuts(weights, 8);
  const cut = explorer.cutInto(weights, relaxed, 2, 0);
  const coarse = s.unary === "truth made coarse";
  const labels = coarse ? explorer.spoiled(known.truth, known, s.block, s.wrong, s.seed) : kmeans.at(-1).own;
  const classes = coarse ? known.classes.length : s.groups;
  const crf = explorer.denseCrf(known, labels, classes, s);
  const states = [crf.begin()];
  while (states.length <= s.steps) states.push(crf.step(states.at(-1)));
  const last = explorer.read(states.at(-1).q, classes);
  const named = explorer.bestMatch(kmeans.at(-1).own, known.truth);
  const score = (labels) => Object.values(explorer.scores(labels, known.truth, known, known.classes.length));
  return {
    kmeans: { groups: [kmeans[0].own, kmeans.at(-1).own], costs: kmeans.map(({ cost }) => cost),
      centres: kmeans.at(-1).centres },
    cut: { values: relaxed.values, vectors: relaxed.vectors.slice(1, 4), ncuts: cut.ncuts, best: cut.best,
      groups: cut.groups, parts: explorer.cutInto(weights, relaxed, s.parts, 0).groups },
    crf: { labels: [labels, last.labels], energies: states.map(({ energy }) => energy),
      q: Array.from(states.at(-1).q.subarray(0, 4 * classes)) },
    scores: { kmeans: score(named), cells: score(explorer.bestMatch(explorer.cells(known, s.groups), known.truth)) },
  };
})
"""


def lab_of(vector):
    made = GroupingLab(**vector["settings"])
    made.pictures = [vector["picture"]]
    made.picture = vector["picture"]["name"]
    return made


def computed(vector):
    """What Python computes of a vector, in the form of the JavaScript's answer."""
    made = lab_of(vector)
    kmeans, cut, crf = made.by_kmeans(), made.by_cut(), made.by_crf()
    made.parts = 2
    two = made.by_cut()["groups"]
    cells = grouping_lab.cells(*made.image().shape[:2], made.groups)
    return {
        "kmeans": {
            "groups": [kmeans["groups"][0].ravel().tolist(), kmeans["groups"][-1].ravel().tolist()],
            "costs": kmeans["cost"].tolist(),
            "centres": kmeans["centres"][-1].tolist(),
        },
        "cut": {
            "values": cut["values"].tolist(),
            "vectors": np.moveaxis(cut["vectors"], -1, 0)[1:4].reshape(3, -1).tolist(),
            "ncuts": cut["ncuts"],
            "best": cut["best"],
            "groups": two.ravel().tolist(),
            "parts": cut["groups"].ravel().tolist(),
        },
        "crf": {
            "labels": [crf["labels"][0].ravel().tolist(), crf["labels"][-1].ravel().tolist()],
            "energies": crf["free_energy"].tolist(),
            "q": crf["q"][-1].reshape(len(crf["q"][-1]), -1)[:, :4].T.ravel().tolist(),
        },
        "scores": {
            "kmeans": list(made.scores(kmeans["groups"][-1]).values()),
            "cells": list(made.scores(cells).values()),
        },
    }


def assert_same(found, expected, where=""):
    """Compares two answers: whole numbers exactly, others within a tolerance."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for name, value in expected.items():
            assert_same(found[name], value, f"{where} {name}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for number, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_same(one, other, f"{where} {number}")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-7), where
    else:
        assert found == expected, where


# The arithmetic


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["picture"]["name"])
def test_python_agrees_with_the_vectors(vector):
    assert_same(computed(vector), vector["found"])


@needs_node
def test_the_javascript_agrees_with_the_vectors_in_node(tmp_path):
    found = in_node(GroupingLab, ANSWER, VECTORS, tmp_path)
    assert_same(found, [vector["found"] for vector in VECTORS])


@pytest.mark.browser
def test_the_javascript_agrees_with_the_vectors_in_the_browser(browser):
    found = in_browser(GroupingLab, ANSWER, VECTORS, browser)
    assert_same(found, [vector["found"] for vector in VECTORS])


def test_the_random_numbers_are_those_of_mulberry32():
    """The first numbers of the generator's published form, from its seeds 0 and 1."""
    made = [grouping_lab.random_numbers(seed) for seed in (0, 1)]
    assert [round(next(one), 6) for one in made for _ in range(3)] == [
        *(0.266429, 0.00033, 0.223272),
        *(0.627074, 0.002736, 0.527447),
    ]


def test_colours_are_those_of_scikit_image():
    image = np.random.default_rng(0).random((5, 6, 3))
    image[0, :2] = [[0, 0, 0], [1, 1, 1]]
    np.testing.assert_allclose(grouping_lab.lab(image), color.rgb2lab(image), atol=1e-3)


@needs_node
def test_a_centre_is_drawn_in_its_own_colour(tmp_path):
    asked = np.random.default_rng(1).random((20, 3)).tolist()
    found = in_node(
        GroupingLab, "({ lab, colourOf }, asked) => asked.map((rgb) => colourOf(lab(rgb)))", asked, tmp_path
    )
    np.testing.assert_allclose(found, asked, atol=1e-3)


@pytest.mark.parametrize("start", STARTS)
def test_k_means_ends_where_scikit_learn_ends_from_the_same_centres_and_never_costs_more(start):
    x = grouping_lab.features(GroupingLab("street").image(), 0.6)
    history = list(kmeans_steps(x, 6, start, 3))
    costs = [cost for _, _, cost in history]
    assert all(after <= before + 1e-9 for before, after in itertools.pairwise(costs))
    theirs = KMeans(6, init=history[0][1], n_init=1, max_iter=300, tol=0).fit(x)
    assert (theirs.labels_ == history[-1][0]).all()
    assert theirs.inertia_ / len(x) == pytest.approx(costs[-1])


def test_a_group_without_pixels_keeps_its_centre_and_more_groups_than_colours_do_no_harm():
    x = np.repeat([[0.0, 0], [1, 0], [5, 0]], 4, 0)
    *_, (groups, _, cost) = kmeans_steps(x, 5, STARTS[0], 1)
    assert cost == 0
    assert len(set(groups.tolist())) == 3


@pytest.mark.parametrize("count", [1, 2, 5, 6, 12])
def test_cells_are_as_many_as_asked_and_nearly_equal(count):
    sizes = np.bincount(grouping_lab.cells(40, 30, count).ravel())
    assert len(sizes) == count
    assert sizes.max() <= 1.4 * sizes.min()


def test_a_spoiled_truth_has_whole_blocks_and_about_as_many_wrong_pixels_as_asked():
    truth = GroupingLab("street").truth()
    blocks = grouping_lab.spoiled(truth, 4, 0, 0)
    assert all(len(np.unique(blocks[r : r + 4, c : c + 4])) == 1 for r in range(0, 40, 4) for c in range(0, 40, 4))
    assert (grouping_lab.spoiled(truth, 1, 0, 0) == truth).all()
    changed = (grouping_lab.spoiled(truth, 1, 0.5, 0) != truth).mean()
    kinds = len(np.unique(truth))
    assert changed == pytest.approx(0.5 * (1 - 1 / kinds), abs=0.04)


def test_the_ncuts_of_the_lab_lie_above_the_eigenvalue_and_the_best_is_the_least():
    found = GroupingLab("street", colour=0.3).by_cut()
    ncuts = [value for value in found["ncuts"] if value is not None]
    assert min(ncuts) >= found["values"][1] - 1e-9
    assert found["ncuts"][found["best"] - 1] == min(ncuts)


# What it holds


def test_a_picture_of_ones_own_is_made_smaller_and_has_no_truth():
    made = GroupingLab(image=torch.rand(3, 90, 120))
    assert (made.picture, made.image().shape, made.truth()) == (OWN, (30, 40, 3), None)
    assert made.by_kmeans()["groups"].shape[1:] == (30, 40)
    assert made.by_crf()["q"].shape == (1, 6, 30, 40)
    with pytest.raises(ValueError, match="Nobody knows the truth of this picture"):
        made.scores(made.by_kmeans()["groups"][-1])


def test_a_page_of_the_lab_is_small():
    assert len(GroupingLab().page_html().encode()) < 120_000


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"picture": "sea"}, "The lab has no picture 'sea'; it has street, park, road, uneven light, tiny."),
        ({"method": "Otsu"}, "The lab has no method 'Otsu'; it has k-means, normalised cut, CRF."),
        ({"start": "zero"}, "The lab has no start 'zero'; it has k-means++, random pixels."),
        ({"groups": 13}, "The lab takes groups from 1 to 12, not 13."),
        ({"threshold": 49}, "The lab takes threshold from 0 to 48, not 49."),
        ({"beta": 1}, f"The lab has no setting 'beta'; it has {', '.join(LIMITS)} and threshold."),
        ({"image": torch.zeros(4, 4)}, "image must be of shape (3, H, W), not (4, 4)."),
    ],
)
def test_the_lab_says_what_it_cannot_show(options, sentence):
    with pytest.raises(ValueError) as refused:
        GroupingLab(**options)
    assert str(refused.value) == sentence


# What is shown


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def numbers(page):
    rows = page.locator(".pw-gl-numbers tbody tr").all()
    return {row.locator("th").inner_text(): row.locator("td").all_inner_texts() for row in rows}


def written(scores):
    """Scores as the page writes them, which rounds 5 up."""
    return [f"{100 * value + 1e-9:.1f}%" for value in scores.values()]


def drawn(page, name):
    """The colours of a map's pixels, read back from what is drawn: (H, W, 3)."""
    return np.array(
        page.evaluate(
            """(name) => {
                const canvas = document.querySelector(`.pw-gl-${name} canvas`);
                const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                const range = (n) => [...Array(n).keys()];
                return range(canvas.height).map((r) => range(canvas.width).map((c) =>
                    [0, 1, 2].map((i) => data[4 * (r * canvas.width + c) + i])));
            }""",
            name,
        )
    )


def coloured(labels, colours):
    return np.array([[int(hex[i : i + 2], 16) for i in (1, 3, 5)] for hex in colours])[labels]


def slide(page, label, times):
    slider = page.get_by_label(label, exact=True)
    slider.focus()
    for _ in range(abs(times)):
        page.keyboard.press("ArrowRight" if times > 0 else "ArrowLeft")


@pytest.mark.browser
def test_k_means_goes_step_by_step_to_its_end_and_back(show):
    widget = GroupingLab("street", alpha=0.6)
    found = widget.by_kmeans()
    page = show(widget)
    assert said(page).startswith("Start: 6 centres drawn among the pixels")
    assert button(page, "Step back").is_disabled()
    for name, at, words in (
        ("Step", 1, "Round 1: each centre moves to the mean of its pixels."),
        ("Step", 2, f"Round 1: {(found['groups'][2] != found['groups'][1]).sum()} pixels join a nearer centre."),
        ("Step back", 1, "Round 1: each centre moves"),
        ("Run to the end", -1, f"Round {len(found['cost']) // 2}: no pixel changes its group. This is the end."),
    ):
        button(page, name).click()
        assert said(page).startswith(words)
        assert said(page).endswith(f"Cost {found['cost'][at]:.1f}.")
        groups = found["groups"][at]
        means = np.array([widget.image()[groups == k].mean(0) for k in range(6)])
        assert np.abs(drawn(page, "first") - 255 * means[groups]).max() <= 0.51
        named = classic.best_match(groups, widget.truth())
        assert (drawn(page, "named") == coloured(named, widget.pictures[0]["colours"])).all()
        assert numbers(page)["6 groups"] == written(widget.scores(groups))
    assert numbers(page)["6 equal cells"] == written(widget.scores(grouping_lab.cells(40, 40, 6)))
    assert button(page, "Step").is_disabled()
    button(page, "more groups").first.click()  # at the end it stays at the end
    widget.groups = 7
    assert said(page).endswith(f"Cost {widget.by_kmeans()['cost'][-1]:.1f}.")
    button(page, "Start again").click()
    assert said(page).startswith("Start: 7 centres")


@pytest.mark.browser
def test_the_threshold_and_the_parts_of_the_normalised_cut_are_chosen(show):
    widget = GroupingLab("street", "normalised cut")
    found = widget.by_cut()
    page = show(widget)
    assert said(page).startswith(f"Threshold {found['best']} of 48, the best: Ncut ")
    assert f"λ₂ = {found['values'][1]:.2g}" in said(page)
    assert numbers(page)["2 groups"] == written(widget.scores(found["groups"]))
    assert button(page, "Best threshold").is_disabled()
    slide(page, "threshold of the second eigenvector", 3)
    widget.threshold = found["best"] + 3
    assert said(page).startswith(f"Threshold {widget.threshold} of 48: Ncut ")
    assert numbers(page)["2 groups"] == written(widget.scores(widget.by_cut()["groups"]))
    button(page, "Best threshold").click()
    assert numbers(page)["2 groups"] == written(widget.scores(found["groups"]))
    for _ in range(3):
        button(page, "more parts").click()
    widget.parts = 5
    assert numbers(page)["5 groups"] == written(widget.scores(widget.by_cut()["groups"]))
    choose(page, "Eigenvector that is shown", "3")
    y = found["vectors"][..., 2]
    grey = np.rint(255 * (y - y.min()) / (y.max() - y.min()))
    assert np.abs(drawn(page, "first")[..., 0] - grey).max() <= 1


@pytest.mark.browser
def test_a_pixel_that_belongs_to_no_other_is_told_and_can_be_mended(show):
    image = torch.zeros(3, 12, 12)
    image[:, 5, 5] = 1
    widget = GroupingLab(image=image, method="normalised cut", colour=0.05)
    with pytest.raises(ValueError, match="each node needs an edge"):
        widget.by_cut()
    page = show(widget)
    assert said(page).startswith("Some pixel belongs to no other")
    slide(page, "colour scale", 4)
    assert said(page).startswith("Threshold ")


@pytest.mark.browser
def test_mean_field_goes_step_by_step_and_tells_the_scores(show):
    widget = GroupingLab("park", "CRF", wrong=0.2)
    page = show(widget)
    assert said(page).startswith(
        "Start: the truth in blocks of 5 pixels, then 20% of the pixels with a label drawn at random."
    )
    widget.steps = 3
    found = widget.by_crf()
    for step in range(4):
        labels = found["labels"][step]
        assert (drawn(page, "first") == coloured(labels, widget.pictures[1]["colours"])).all()
        assert said(page).endswith(f"Free energy {found['free_energy'][step]:.3f} nats a pixel.")
        row = numbers(page)[f"step {step}" if step else "start"]
        assert row == written(widget.scores(labels, named=True))
        button(page, "Step").click()
    button(page, "Run to the end").click()
    assert said(page).startswith("Step 10: ")
    slide(page, "appearance: colour scale", 1)
    widget.steps, widget.contrast = 10, 0.07
    assert numbers(page)["step 10"] == written(widget.scores(widget.by_crf()["labels"][-1], named=True))
    choose(page, "start from", "k-means groups")
    widget.unary = "k-means groups"
    assert numbers(page)["step 10"] == written(widget.scores(widget.by_crf()["labels"][-1]))
    assert not page.get_by_label("blocks of").is_visible()


@pytest.mark.browser
def test_a_reader_opens_a_picture_of_their_own_and_every_method_groups_it(show, tmp_path):
    pixels = np.zeros((300, 400, 3), np.uint8)
    pixels[:, 200:] = (200, 40, 40)
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    page = show(GroupingLab())
    page.locator("input[type=file]").set_input_files(tmp_path / "mine.png")
    page.wait_for_function("document.querySelector('.pw-gl-picture canvas').height === 30")
    assert page.get_by_label("Picture", exact=True).input_value() == OWN
    shown = drawn(page, "picture")
    assert (shown[:, :19] == 0).all() and (shown[:, 21:] == (200, 40, 40)).all()
    assert not page.locator(".pw-gl-truth").is_visible()
    assert not page.locator(".pw-gl-numbers").is_visible()
    for _ in range(4):
        button(page, "less groups").first.click()
    button(page, "Run to the end").click()
    assert len(np.unique(drawn(page, "first").reshape(-1, 3), axis=0)) == 2
    button(page, "normalised cut").click()
    slide(page, "colour scale", 3)
    assert said(page).startswith("Threshold ")
    button(page, "CRF").click()
    assert said(page).startswith("Start: 2 groups of k-means.")
    button(page, "Step").click()
    assert said(page).startswith("Step 1: ")


@pytest.mark.browser
def test_a_file_that_is_no_picture_is_told(show, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    page = show(GroupingLab())
    page.locator("input[type=file]").set_input_files(tmp_path / "notes.txt")
    page.wait_for_function("document.querySelector('.pw-say').textContent.startsWith('notes.txt is no picture')")
    page.get_by_label("Picture", exact=True).select_option("park")
    assert said(page).startswith("Start: 6 centres")


@pytest.mark.browser
@pytest.mark.parametrize("method", grouping_lab.METHODS)
@pytest.mark.parametrize("viewport", [DESK, PHONE, {"width": 360, "height": 740}], ids=["desk", "phone", "small phone"])
def test_every_control_is_large_enough_for_a_finger_and_nothing_runs_over(show, viewport, method):
    page = show(GroupingLab(method=method), viewport)
    small = page.evaluate(
        """() => [...document.querySelectorAll(".pw-frame :is(button, select, input, label)")]
            .filter((one) => one.offsetParent)
            .map((one) => [one.outerHTML.slice(0, 90), one.getBoundingClientRect()])
            .filter(([, { width, height }]) => width < 31.9 || height < 31.9)"""
    )
    assert small == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    boxes = page.locator(".pw-lm-box").evaluate_all("all => all.map((one) => one.scrollWidth - one.clientWidth)")
    assert boxes == [0]


LIVE = ("from pixelwise.explorers.grouping_lab import GroupingLab\nlab = GroupingLab()\nlab", "lab.picture, lab.groups")


@pytest.mark.browser
def test_in_jupyterlab_python_sees_what_the_reader_opens_and_the_view_follows_python(browser, tmp_path):
    folder = tmp_path / "student"
    folder.mkdir()
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [nbformat.v4.new_code_cell(source) for source in LIVE]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "lab.ipynb")
    Image.fromarray(np.zeros((30, 60, 3), np.uint8)).save(tmp_path / "mine.png")
    with jupyter_lab(folder, tmp_path / "private") as server, open_page(browser, server) as page:
        notebook = Notebook.open(page, server, "lab.ipynb")
        notebook.run_all()
        expect(page.locator(".pw-gl-say")).to_contain_text("Start: 6 centres")
        page.locator(".pw-gl input[type=file]").set_input_files(tmp_path / "mine.png")
        expect(page.get_by_label("Picture", exact=True)).to_have_value(OWN)
        button(page, "more groups").first.click()
        cell = notebook.cell("lab.picture, lab.groups")
        notebook.write(cell, "lab.picture, lab.groups, lab.image().shape")
        expect(notebook.run(cell)).to_have_text("('your picture', 7, (20, 40, 3))")
        notebook.write(cell, "lab.method, lab.steps, lab.picture = 'CRF', 2, 'park'\nlab.picture, lab.groups")
        expect(notebook.run(cell)).to_have_text("('park', 7)")
        expect(page.locator(".pw-gl-say")).to_contain_text("Step 2:")
        assert notebook.complaints == []
