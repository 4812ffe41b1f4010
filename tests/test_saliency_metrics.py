"""Scores of saliency against loops over pixels in float64, scikit-learn, SciPy and NumPy."""

import math
import statistics

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import auc, roc_auc_score, roc_curve

from pixelwise import saliency_metrics as scores

quick = settings(max_examples=40, deadline=None)


@st.composite
def saliency(draw):
    """A map and fixations (N, H, W): few values and so ties, or many; no, few or many fixations, also repeated ones."""
    shape = draw(st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(1, 6)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    if draw(st.booleans()):
        values = torch.randint(draw(st.sampled_from([1, 2, 4])), shape, generator=generator).double()
    fixations = torch.poisson(
        torch.full(shape, draw(st.sampled_from([0.0, 0.2, 1.0, 9.0]))), generator=generator
    ).long()
    return values, fixations


def flat(maps):
    return [each.flatten(1).double().numpy() for each in maps]


@given(saliency())
@quick
def test_auc_judd_with_all_thresholds_is_that_of_scikit_learn_and_the_share_of_pairs_in_order(maps):
    for found, values, fixations in zip(scores.auc_judd(*maps).tolist(), *flat(maps), strict=True):
        yes, no = values[fixations > 0], values[fixations == 0]
        if not len(yes) or not len(no):
            assert math.isnan(found)
            continue
        assert found == pytest.approx(roc_auc_score(fixations > 0, values))
        assert found == pytest.approx(statistics.mean((a > b) + (a == b) / 2 for a in yes for b in no))


@given(saliency())
@quick
def test_auc_judd_with_thresholds_at_fixations_has_the_points_of_those_alone(maps):
    everywhere = scores.auc_judd(*maps).tolist()
    found = scores.auc_judd(*maps, thresholds="fixated").tolist()
    for one, full, values, fixations in zip(found, everywhere, *flat(maps), strict=True):
        yes, no = values[fixations > 0], values[fixations == 0]
        if not len(yes) or not len(no):
            assert math.isnan(one)
            continue
        points = [(0, 0), *(((no >= t).mean(), (yes >= t).mean()) for t in sorted(set(yes), reverse=True)), (1, 1)]
        assert one == pytest.approx(auc(*zip(*points, strict=True)))
        assert one >= full - 1e-12
        if len(set(values)) == len(values):
            assert one <= full + 1 / (2 * len(yes)) + 1e-12


@given(saliency())
@quick
def test_a_rising_function_of_the_map_changes_no_area_and_a_falling_one_turns_it_round(maps):
    values, fixations = maps
    found = scores.auc_judd(values, fixations)
    torch.testing.assert_close(scores.auc_judd((values / 2).exp(), fixations), found, equal_nan=True)
    torch.testing.assert_close(scores.auc_judd(-values, fixations), 1 - found, equal_nan=True)


def test_a_constant_map_knows_nothing():
    constant, fixations = torch.full((1, 3, 4), 0.1), torch.zeros(1, 3, 4, dtype=torch.bool)
    fixations[0, 1, 1:3] = True
    others = fixations.roll(1, dims=2)
    assert scores.auc_judd(constant, fixations).item() == 0.5
    assert scores.auc_judd(constant, fixations, "fixated").item() == 0.5
    assert scores.auc_shuffled(constant, fixations, others).item() == 0.5
    for score in (scores.nss(constant, fixations), scores.correlation(constant, torch.rand(1, 3, 4))):
        assert score.isnan().all()
    assert scores.similarity(constant, torch.full((1, 3, 4), 7.0)).item() == pytest.approx(1)
    assert scores.similarity(constant, torch.rand(1, 3, 4), "range").isnan().all()
    assert scores.similarity(0 * constant, torch.rand(1, 3, 4)).isnan().all()


def test_a_constant_map_is_constant_also_where_its_mean_is_rounded():
    constants = [torch.full((1, 1, n), 0.1, dtype=torch.float64) for n in range(2, 60)]
    assert any((each.mean() != 0.1).item() for each in constants)
    for each in constants:
        assert scores.nss(each, torch.ones_like(each, dtype=torch.bool)).isnan().all()


def test_without_fixations_here_or_elsewhere_nothing_is_defined():
    values, none, some = torch.rand(2, 3, 4), torch.zeros(2, 3, 4, dtype=torch.int), torch.ones(2, 3, 4).int()
    for found in (
        scores.nss(values, none),
        scores.auc_judd(values, none),
        scores.auc_judd(values, some, "fixated"),  # no pixel is left to compare with
        *(scores.auc_shuffled(values, *both, draws=n) for both in ((none, some), (some, none)) for n in (None, 3)),
        scores.auc_shuffled(values[:1], some[:1]),  # a batch of one has no others
    ):
        assert found.isnan().all()
    only_the_first = some * torch.tensor([1, 0])[:, None, None]
    assert scores.nss(values, only_the_first).isnan().tolist() == [False, True]


@given(saliency())
@quick
def test_nss_is_the_mean_of_the_standardised_map_where_fixated(maps):
    for found, values, fixations in zip(scores.nss(*maps).tolist(), *flat(maps), strict=True):
        if (fixations > 0).any() and values.min() < values.max():
            standardised = (values - values.mean()) / values.std()
            assert found == pytest.approx(standardised[fixations > 0].mean(), abs=1e-9)
        else:
            assert math.isnan(found)


@given(saliency(), st.sampled_from([0.01, 5]), st.sampled_from([-3, 0, 100]))
@quick
def test_nss_and_cc_do_not_change_with_the_maps_unit_or_zero(maps, factor, shift):
    values, fixations = maps
    torch.testing.assert_close(
        scores.nss(factor * values + shift, fixations), scores.nss(values, fixations), equal_nan=True
    )
    density = fixations.double() + 0.1 * values.roll(1, dims=2)
    found = scores.correlation(values, density)
    torch.testing.assert_close(scores.correlation(density, factor * values + shift), found, equal_nan=True)
    torch.testing.assert_close(scores.correlation(values, -density), -found, equal_nan=True)


@given(saliency())
@quick
def test_cc_is_pearsons_correlation(maps):
    values, fixations = maps
    density = fixations.double() + 0.1 * values.roll(1, dims=2)
    for found, a, b in zip(scores.correlation(values, density).tolist(), *flat((values, density)), strict=True):
        if a.min() < a.max() and b.min() < b.max():
            assert found == pytest.approx(pearsonr(a, b).statistic, abs=1e-9)
            assert found == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-9)
        else:
            assert math.isnan(found)


@pytest.mark.parametrize("normalisation", ["sum", "range"])
@given(maps=saliency())
@quick
def test_sim_is_what_two_distributions_share(maps, normalisation):
    first, second = maps[0].abs(), maps[1].double() + 0.25 * maps[0].roll(1, dims=2).abs()
    for found, *both in zip(
        scores.similarity(first, second, normalisation).tolist(), *flat((first, second)), strict=True
    ):
        if normalisation == "range":
            both = [each - each.min() for each in both]
        if all(each.sum() for each in both):
            a, b = (each / each.sum() for each in both)
            assert found == pytest.approx(sum(min(p) for p in zip(a, b, strict=True)))
            assert found == pytest.approx(1 - np.abs(a - b).sum() / 2)
        else:
            assert math.isnan(found)


def test_sim_is_1_for_equal_maps_and_0_for_disjoint_ones_and_the_normalisations_differ():
    first = torch.tensor([[[1.0, 2.0, 0.0, 0.0]]])
    assert scores.similarity(first, 3 * first).item() == pytest.approx(1)
    assert scores.similarity(first, first.flip(2)).item() == 0
    raised = first + 1  # half of it is a constant, which "range" takes away
    assert scores.similarity(raised, raised.flip(2)).item() == pytest.approx(4 / 7)
    assert scores.similarity(raised, raised.flip(2), "range").item() == 0


@pytest.mark.parametrize("repeats", ["count", "once"])
@given(maps=saliency())
@quick
def test_shuffled_auc_is_that_of_scikit_learn_on_fixations_here_and_in_the_other_images(maps, repeats):
    values, fixations = maps
    found = scores.auc_shuffled(values, fixations, repeats=repeats).tolist()
    v, f = flat((values, fixations))
    for image in range(len(v)):
        yes, no = v[image][f[image] > 0], []
        for other in range(len(v)):
            if other != image:
                no += [(pixel, v[image][pixel]) for pixel in np.flatnonzero(f[other])]
        no = [value for _, value in no] if repeats == "count" else list(dict(no).values())
        if not len(yes) or not no:
            assert math.isnan(found[image])
        else:
            assert found[image] == pytest.approx(roc_auc_score([1] * len(yes) + [0] * len(no), [*yes, *no]))


def test_shuffled_auc_sees_through_a_map_of_the_middle_and_auc_judd_does_not():
    generator = torch.Generator().manual_seed(0)
    at = torch.arange(21) - 10
    middle = (-(at[:, None] ** 2 + at**2) / 30.0).exp().expand(8, -1, -1)
    fixations = torch.rand(8, 21, 21, generator=generator) < 0.2 * middle
    assert scores.auc_judd(middle, fixations).mean() > 0.75
    assert abs(scores.auc_shuffled(middle, fixations, repeats="count").mean() - 0.5) < 0.05


@pytest.mark.parametrize("repeats", ["count", "once"])
def test_samples_of_the_others_fixations_have_the_area_of_all_of_them_as_their_mean(repeats):
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(2, 6, 6, generator=generator)
    fixations = torch.rand(2, 6, 6, generator=generator) < 0.1
    others = torch.poisson(torch.full((2, 6, 6), 1.0), generator=generator).int()
    full = scores.auc_shuffled(values, fixations, others, repeats)
    sampled = scores.auc_shuffled(values, fixations, others, repeats, draws=4000, generator=generator)
    torch.testing.assert_close(sampled, full, rtol=0, atol=0.01)
    few = [scores.auc_shuffled(values, fixations, others, repeats, 2, generator.manual_seed(s)) for s in (1, 2, 1)]
    assert torch.equal(few[0], few[2]) and not torch.equal(few[0], few[1])


def test_a_sample_holds_as_many_others_as_there_are_fixations_each_once():
    # Values are powers of two, so that the area tells which pixels were drawn.
    values = torch.arange(8.0).reshape(1, 2, 4)
    fixations, others = torch.zeros(1, 2, 4, dtype=torch.bool), torch.ones(1, 2, 4, dtype=torch.bool)
    fixations.flatten(1)[0, 5:] = True
    others[0, 1, 3] = False
    seven = scores.auc_shuffled(values, fixations, others)
    assert seven.item() == pytest.approx(roc_auc_score([1] * 3 + [0] * 7, [5, 6, 7, *range(7)]))
    # With more fixations than others each sample holds all of the others, and so no chance is left.
    few = others & (torch.arange(8).reshape(1, 2, 4) < 2)
    assert scores.auc_shuffled(values, fixations, few, draws=1).item() == 1
    assert scores.auc_shuffled(-values, fixations, few, draws=5).item() == 0
    one = fixations & (torch.arange(8).reshape(1, 2, 4) == 5)
    found = {scores.auc_shuffled(values, one, others, draws=1).item() for _ in range(60)}
    assert found == {0, 0.5, 1}  # a sample of one: a smaller value, the pixel itself, or the larger one


def test_counts_and_truth_values_are_the_same_fixations():
    values, counts = torch.rand(2, 4, 5), torch.randint(3, (2, 4, 5))
    for kind in (torch.bool, torch.uint8, torch.int16):
        assert torch.equal(scores.nss(values, counts.to(kind)), scores.nss(values, counts))
        assert torch.equal(scores.auc_judd(values, counts.to(kind)), scores.auc_judd(values, counts))


def test_curves_of_large_maps_lose_no_pixel():
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(1, 400, 500, generator=generator).half()  # 200 000 pixels, among them many ties
    fixations = torch.rand(1, 400, 500, generator=generator) < values.float() / 100
    false, true, _ = roc_curve(fixations.flatten().numpy(), values.flatten().float().numpy())
    assert scores.auc_judd(values, fixations).item() == pytest.approx(auc(false, true), abs=1e-12)


def test_all_that_scores_make_is_on_the_device_of_their_maps():
    values, fixations = torch.rand(2, 4, 5), torch.rand(2, 4, 5) < 0.4
    generator = torch.Generator("cpu")

    def everything():
        yield from (scores.correlation(values, values**2), scores.similarity(values, values**2, "range"))
        yield from (scores.nss(values, fixations), scores.auc_judd(values, fixations, "fixated"))
        yield scores.auc_shuffled(values, fixations, draws=2, generator=generator.manual_seed(0))

    expected = list(everything())
    with torch.device("meta"):  # what is made on no device in particular would be here, and mixing devices is an error
        torch.testing.assert_close(list(everything()), expected)


MAP, FIXATIONS = torch.rand(1, 2, 3), torch.ones(1, 2, 3, dtype=torch.long)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: scores.correlation(MAP, MAP[..., 1:]), r"a density of the shape \(1, 2, 2\)"),
        (lambda: scores.correlation(MAP[0], MAP[0]), r"must be \(N, H, W\)"),
        (lambda: scores.nss(MAP / 0, FIXATIONS), "holds NaN or ±∞"),
        (lambda: scores.correlation(MAP, MAP * math.nan), "holds NaN or ±∞"),
        (lambda: scores.nss(MAP, MAP), "a blurred map is a density"),
        (lambda: scores.auc_judd(MAP, -FIXATIONS), "counts from 0"),
        (lambda: scores.auc_shuffled(MAP, FIXATIONS, MAP), "a blurred map is a density"),
        (lambda: scores.auc_shuffled(MAP, FIXATIONS, FIXATIONS[..., 1:]), r"fixations of the shape \(1, 2, 2\)"),
        (lambda: scores.similarity(-MAP, MAP), "negative values is no distribution"),
        (lambda: scores.similarity(MAP, MAP, "max"), "normalisation='max'"),
        (lambda: scores.auc_judd(MAP, FIXATIONS, "some"), "thresholds='some'"),
        (lambda: scores.auc_shuffled(MAP, FIXATIONS, FIXATIONS, "twice"), "repeats='twice'"),
        (lambda: scores.auc_shuffled(MAP, FIXATIONS, FIXATIONS, draws=0), "draws=0 gives no sample"),
    ],
)
def test_what_does_not_fit_is_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        call()
    assert "\n" not in str(error.value) and str(error.value).endswith(".")
