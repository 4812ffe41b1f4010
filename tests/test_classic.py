"""What segmentation did before convnets: against enumeration, float64 definitions and the installed libraries."""

import itertools

import numpy as np
import pytest
from scipy import linalg, sparse
from sklearn.feature_extraction.image import img_to_graph

from pixelwise import classic
from pixelwise.data import VOID


def random_grid(rng, height, width):
    """Unary costs and weights of a grid."""
    return rng.normal(size=(2, height, width)), rng.random((height, width - 1)), rng.random((height - 1, width))


def random_graph(rng, n, density=1.0):
    weights = np.triu(rng.random((n, n)) * (rng.random((n, n)) < density), 1)
    return weights + weights.T


def splits(n):
    """Every division of n nodes into two parts, once: node 0 is always in part 0."""
    for rest in itertools.product((0, 1), repeat=n - 1):
        if any(rest):
            yield np.array((0, *rest))


# --- regions and classes


def test_each_region_gets_its_most_frequent_class():
    regions = np.array([[0, 0, 0, 2], [1, 1, 2, 2]])
    truth = np.array([[4, 4, 1, 3], [VOID, 5, 0, 0]])
    assert classic.best_match(regions, truth).tolist() == [[4, 4, 4, 0], [5, 5, 0, 0]]


def test_a_tie_goes_to_the_lower_class_and_a_region_of_void_to_class_0():
    assert classic.best_match([0, 0, 1], [7, 3, VOID]).tolist() == [3, 3, 0]
    assert classic.best_match(np.zeros((0, 2), int), np.zeros((0, 2), int)).shape == (0, 2)


def test_no_other_naming_of_the_regions_is_right_at_more_pixels():
    rng = np.random.default_rng(0)
    regions, truth = rng.integers(0, 4, 60), rng.integers(0, 3, 60)
    best = max((np.array(names)[regions] == truth).sum() for names in itertools.product(range(3), repeat=4))
    assert (classic.best_match(regions, truth) == truth).sum() == best


@pytest.mark.parametrize("regions, truth", [([0, 1], [0]), ([0.5], [0]), ([-1], [0]), ([0], [-1])])
def test_what_are_no_label_maps_of_one_shape_is_refused(regions, truth):
    with pytest.raises(ValueError, match=r"shape|integers"):
        classic.best_match(regions, truth)


# --- the grid


def test_the_energy_of_a_row_worked_by_hand():
    unary = np.array([[[1.0, 4.0, 6.0]], [[5.0, 3.0, 2.0]]])
    across, down = np.array([[2.0, 3.0]]), np.zeros((0, 3))
    assert classic.grid_energy([[0, 1, 1]], unary, across, down) == 1 + 3 + 2 + 2
    assert classic.grid_energy([[0, 1, 0]], unary, across, down) == 1 + 3 + 6 + 2 + 3


@pytest.mark.parametrize("height, width", [(1, 1), (1, 5), (4, 1), (3, 4)])
@pytest.mark.parametrize("seed", range(4))
def test_a_cut_has_the_least_energy_of_all_labellings(height, width, seed):
    grid = random_grid(np.random.default_rng(seed), height, width)
    labels, energy = classic.grid_cut(*grid)
    every = itertools.product((0, 1), repeat=height * width)
    best = min(classic.grid_energy(np.reshape(x, (height, width)), *grid) for x in every)
    assert classic.grid_energy(labels, *grid) == pytest.approx(best, abs=1e-6)
    assert energy == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("factor", [1e-8, 1e8])
def test_costs_in_another_unit_give_the_same_cut(factor):
    grid = random_grid(np.random.default_rng(5), 6, 7)
    labels, energy = classic.grid_cut(*grid)
    again, scaled = classic.grid_cut(*(factor * each for each in grid))
    assert np.array_equal(labels, again) and scaled == pytest.approx(factor * energy, rel=1e-5)


def test_without_weights_every_pixel_takes_its_cheaper_label():
    unary, across, down = random_grid(np.random.default_rng(1), 8, 9)
    labels, energy = classic.grid_cut(unary, 0 * across, 0 * down)
    assert np.array_equal(labels, unary[1] < unary[0]) and energy == pytest.approx(unary.min(0).sum())


def test_pixels_that_cost_nothing_are_one_region_with_the_fewest_ones():
    labels, energy = classic.grid_cut(np.zeros((2, 3, 4)), np.ones((3, 3)), np.ones((2, 4)))
    assert energy == 0 and not labels.any()


def test_seeds_hold_and_the_smallest_cut_isolates_one_of_them():
    unary = np.zeros((2, 9, 9))
    unary[0, 4, 4] = unary[1, 0, 0] = np.inf  # the middle has to be 1, the corner 0
    labels, energy = classic.grid_cut(unary, np.ones((9, 8)), np.ones((8, 9)))
    assert labels[4, 4] == 1 and labels[0, 0] == 0
    assert energy == pytest.approx(2, abs=1e-6)  # the two edges of the corner


def test_a_grid_that_makes_no_sense_is_refused():
    unary, across, down = random_grid(np.random.default_rng(0), 3, 4)
    for wrong in [(unary[:1], across, down), (unary, down, across), (unary[0], across, down)]:
        with pytest.raises(ValueError, match="need weights"):
            classic.grid_cut(*wrong)
        with pytest.raises(ValueError, match="need weights"):
            classic.grid_energy(np.zeros((3, 4)), *wrong)
    with pytest.raises(ValueError, match="not negative"):
        classic.grid_cut(unary, -across, down)
    with pytest.raises(ValueError, match="numbers"):
        classic.grid_cut(unary * np.nan, across, down)
    with pytest.raises(ValueError, match="both labels"):
        classic.grid_cut(np.full_like(unary, np.inf), across, down)
    with pytest.raises(ValueError, match="labels have the shape"):
        classic.grid_energy(np.zeros((4, 3)), unary, across, down)


def test_contrast_weights_fall_with_the_difference_of_colours():
    image = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    across, down = classic.contrast_weights(image, strength=3, beta=2)
    assert across.shape == (2, 2) and down.shape == (1, 3)
    assert np.allclose(across, 3 * np.exp([[0, -2], [-2, 0]])) and np.allclose(down, 3 * np.exp([[0, -2, 0]]))
    # Three of the seven pairs differ by 1: the mean is 3/7.
    assert classic.contrast_weights(image, 1)[0][0, 1] == pytest.approx(np.exp(-7 / 6))


def test_an_image_of_one_colour_has_equal_weights():
    across, down = classic.contrast_weights(np.ones((3, 4, 3)), 5)
    assert (across == 5).all() and (down == 5).all()
    with pytest.raises(ValueError, match="cannot be negative"):
        classic.contrast_weights(np.ones((3, 4)), -1)
    with pytest.raises(ValueError, match="has the shape"):
        classic.contrast_weights(np.ones(3), 1)


# --- normalised cut


def test_the_affinity_of_each_pair_is_the_definition():
    image = np.random.default_rng(0).random((5, 6, 3))
    found = classic.affinity(image, radius=2.5, colour=0.4, position=3).toarray()
    places = np.stack(np.mgrid[:5, :6], -1).reshape(-1, 2)
    colours = image.reshape(-1, 3)
    apart = np.square(places[:, None] - places).sum(2)
    expected = np.exp(-np.square(colours[:, None] - colours).sum(2) / 0.4**2 - apart / 9) * (apart < 2.5**2)
    np.fill_diagonal(expected, 0)
    assert np.allclose(found, expected, rtol=1e-12, atol=0)


def test_the_affinity_of_next_neighbours_is_scikit_learns_graph():
    image = np.random.default_rng(1).random((4, 5))
    found = classic.affinity(image, radius=1.1, colour=0.5, position=1e6)
    edges = img_to_graph(image).tocoo()
    other = edges.row != edges.col
    expected = sparse.csr_array((np.exp(-(edges.data[other] ** 2) / 0.25), (edges.row[other], edges.col[other])))
    assert np.allclose(found.toarray(), expected.toarray(), atol=1e-9)


def test_affinity_of_one_pixel_and_of_no_image():
    assert classic.affinity(np.ones((1, 1)), 3, 1, 1).shape == (1, 1)
    assert classic.affinity(np.ones((1, 4)), 9, 1, 1).nnz == 12
    with pytest.raises(ValueError, match="above 0"):
        classic.affinity(np.ones((2, 2)), 0, 1, 1)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_ncut_is_the_sum_of_each_parts_cut_over_its_volume(kind):
    weights = random_graph(np.random.default_rng(2), 9, density=0.7)
    parts = np.array([5, 5, 0, 0, 0, -3, -3, 5, 0])
    expected = sum(weights[parts == p][:, parts != p].sum() / weights[parts == p].sum() for p in (5, 0, -3))
    assert classic.ncut(kind(weights), parts) == pytest.approx(expected, rel=1e-12)


def test_a_cut_of_almost_nothing_keeps_its_digits():
    chain = np.zeros((4, 4))
    chain[0, 1] = chain[1, 0] = chain[2, 3] = chain[3, 2] = 1e6
    chain[1, 2] = chain[2, 1] = 1e-9
    assert classic.ncut(chain, [0, 0, 1, 1]) == pytest.approx(1e-15, rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_the_second_eigenvalue_bounds_every_split_from_below(seed):
    weights = random_graph(np.random.default_rng(seed), 8, density=0.6)
    values, _ = classic.relaxed_cuts(weights)
    assert values[0] == pytest.approx(0, abs=1e-9)
    assert values[1] <= min(classic.ncut(weights, parts) for parts in splits(8)) + 1e-12


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_relaxed_cuts_solve_the_generalised_problem(kind):
    weights = random_graph(np.random.default_rng(3), 12)
    values, y = classic.relaxed_cuts(kind(weights), 5)
    degree = np.diag(weights.sum(1))
    assert np.allclose(values, linalg.eigh(degree - weights, degree, eigvals_only=True)[:5])
    assert np.allclose((degree - weights) @ y, degree @ y * values)
    assert np.allclose(y.T @ degree @ y, np.eye(5), atol=1e-9)
    assert (y[np.abs(y).argmax(0), range(5)] > 0).all()


def test_many_nodes_give_what_few_would_by_another_algorithm():
    weights = classic.affinity(np.random.default_rng(4).random((30, 25)), 2.5, 0.5, 2.0)
    values, y = classic.relaxed_cuts(weights, 4)
    dense = weights.toarray()
    degree = dense.sum(1)
    expected = linalg.eigh(np.diag(degree) - dense, np.diag(degree), eigvals_only=True)[:4]
    assert np.allclose(values, expected, atol=1e-8)
    assert np.allclose((np.diag(degree) - dense) @ y, degree[:, None] * y * values, atol=1e-6)


def test_graphs_that_make_no_sense_are_refused():
    graph = random_graph(np.random.default_rng(0), 4)
    with pytest.raises(ValueError, match="symmetric"):
        classic.ncut(np.triu(graph), [0, 0, 1, 1])
    with pytest.raises(ValueError, match="square"):
        classic.ncut(graph[:3], [0, 0, 1])
    for parts in ([0, 0, 0, 0], [0, 1]):
        with pytest.raises(ValueError, match="two parts"):
            classic.ncut(graph, parts)
    with pytest.raises(ValueError, match="without any edge"):
        classic.ncut(np.zeros((2, 2)), [0, 1])
    for weights, count in ((-graph, 2), (np.zeros((2, 2)), 1), (graph, 0), (graph, 5)):
        with pytest.raises(ValueError, match="needs an edge"):
            classic.relaxed_cuts(weights, count)


# --- textons


def test_the_mr8_bank_has_38_filters_of_49_pixels():
    bank = classic.maximum_response_bank()
    assert bank.shape == (38, 49, 49)
    assert np.allclose(np.abs(bank).sum((1, 2)), 1)
    others = np.delete(bank, 36, axis=0)  # 36 is the Gaussian
    assert np.allclose(others.sum((1, 2)), 0, atol=1e-12) and bank[36].sum() == pytest.approx(1)


def test_a_filter_answers_its_own_direction_most():
    x = np.mgrid[:64, :64][1]
    bank = classic.maximum_response_bank((2,), orientations=4)
    half = bank.shape[-1] // 2
    stripes = np.cos(2 * np.pi * x / 10)  # they change along x: the filter across x is number 0
    middle = stripes[32 - half : 33 + half, 32 - half : 33 + half]
    bars = np.split(np.abs((bank[:8] * middle).sum((1, 2))), 2)[1]
    assert bars.argmax() == 0
    shifted = np.sin(2 * np.pi * x / 10)
    middle = shifted[32 - half : 33 + half, 32 - half : 33 + half]
    edges = np.abs((bank[:4] * middle).sum((1, 2)))
    assert edges.argmax() == 0


def test_responses_are_those_of_the_definition():
    image = np.random.default_rng(0).random((12, 15))
    found = classic.maximum_responses(image, scales=(1,), orientations=3)
    bank = classic.maximum_response_bank((1,), 3)
    half = bank.shape[-1] // 2
    padded = np.pad(image, half, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, bank.shape[1:])
    every = np.einsum("yxij,fij->fyx", windows, bank[:, ::-1, ::-1])
    raw = np.stack([np.abs(every[:3]).max(0), np.abs(every[3:6]).max(0), every[6], every[7]])
    length = np.linalg.norm(raw, axis=0)
    assert found.shape == (4, 12, 15)
    assert np.allclose(found, raw * np.log(1 + length / 0.03) / length)


def test_turning_the_image_by_a_right_angle_turns_the_responses():
    image = np.random.default_rng(1).random((40, 33))
    found = classic.maximum_responses(image, scales=(1, 2))
    assert np.allclose(classic.maximum_responses(np.rot90(image), scales=(1, 2)), np.rot90(found, axes=(1, 2)))


def test_a_dark_image_has_no_responses_and_a_colour_image_is_refused():
    assert not classic.maximum_responses(np.zeros((9, 9)), scales=(1,)).any()
    with pytest.raises(ValueError, match="grey"):
        classic.maximum_responses(np.zeros((9, 9, 3)))
    for scales, orientations in (((), 6), ((0,), 6), ((1,), 0)):
        with pytest.raises(ValueError, match="above 0"):
            classic.maximum_response_bank(scales, orientations)


def test_histograms_are_shares_of_words():
    words = np.array([[0, 2, 2], [1, 1, 0]])
    regions = np.array([[0, 0, 0], [2, 2, 2]])
    expected = [[1 / 3, 0, 2 / 3], [0, 0, 0], [1 / 3, 2 / 3, 0]]
    assert np.allclose(classic.histograms(words, regions, 3), expected)
    assert classic.histograms(np.zeros(0, int), np.zeros(0, int), 3).shape == (0, 3)
    with pytest.raises(ValueError, match="shape"):
        classic.histograms(words, regions[0], 3)
    with pytest.raises(ValueError, match="from 0 to 1"):
        classic.histograms(words, regions, 2)
