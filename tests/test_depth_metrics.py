"""Scores of depth and its loss, against loops over pixels in float64 and against finite differences."""

import math
import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from pixelwise import depth_metrics as scores
from pixelwise.losses import scale_invariant

quick = settings(max_examples=40, deadline=None)
NO_DEPTH = (0.0, -1.0, math.inf, math.nan)
DEPTH = {
    "abs_rel": scores.abs_rel,
    "rmse": scores.rmse,
    "rmse_log": scores.rmse_log,
    "scale_invariant": scores.scale_invariant_rmse,
    "delta_1": scores.delta,
    "delta_2": lambda sums: scores.delta(sums, 2),
    "delta_3": lambda sums: scores.delta(sums, 3),
}


@st.composite
def depths(draw):
    """A prediction and a truth (N, H, W) in metres, float64, with some, no or only void of every kind."""
    shape = draw(st.tuples(st.integers(0, 3), st.integers(1, 4), st.integers(1, 5)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    truth, error = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    truth = (2 * truth).exp()
    prediction = truth * (draw(st.sampled_from([0.02, 0.3, 1])) * error).exp()
    void = torch.rand(shape, generator=generator) < draw(st.sampled_from([0, 0.3, 1]))
    kinds = torch.tensor(NO_DEPTH, dtype=torch.float64)[torch.randint(4, shape, generator=generator)]
    return prediction.where(~void, draw(st.sampled_from([0.0, -3.0, math.nan, 5.0]))), truth.where(~void, kinds)


def scored_pairs(prediction, truth):
    both = zip(prediction.flatten().tolist(), truth.flatten().tolist(), strict=True)
    return [(p, y) for p, y in both if 0 < y < math.inf]


def depth_scores(pairs):
    """Every depth score of a list of (prediction, truth), as the paper writes them."""
    if not pairs:
        return dict.fromkeys(DEPTH, math.nan)
    n, logs = len(pairs), [math.log(p) - math.log(y) for p, y in pairs]
    # Eigen's equation 3: over all pairs of pixels, how wrong their ratio is.
    ratios = sum((a - b) ** 2 for a in logs for b in logs) / (2 * n * n)
    return {
        "abs_rel": sum(abs(p - y) / y for p, y in pairs) / n,
        "rmse": math.sqrt(sum((p - y) ** 2 for p, y in pairs) / n),
        "rmse_log": math.sqrt(sum(d * d for d in logs) / n),
        "scale_invariant": math.sqrt(ratios),
    } | {f"delta_{k}": sum(max(p / y, y / p) < 1.25**k for p, y in pairs) / n for k in (1, 2, 3)}


@given(depths())
@quick
def test_depth_scores_of_each_image_and_of_all_pixels_are_those_of_their_formulas(maps):
    sums = scores.depth_sums(*maps)
    assert sums.dtype == torch.float64 and sums.shape == (len(maps[0]), 8)
    each = [depth_scores(scored_pairs(p, y)) for p, y in zip(*maps, strict=True)]
    together = depth_scores(scored_pairs(*maps))
    for name, score in DEPTH.items():
        assert score(sums).tolist() == pytest.approx([one[name] for one in each], abs=1e-7, nan_ok=True)
        assert score(sums.sum(0)).item() == pytest.approx(together[name], abs=1e-7, nan_ok=True)


def test_depth_scores_of_a_case_by_hand():
    prediction = torch.tensor([[[2.0, 2.0, 3.0, 7.0]]])
    truth = torch.tensor([[[1.0, 2.0, 4.0, math.inf]]])
    sums = scores.depth_sums(prediction, truth)
    assert scores.abs_rel(sums).item() == pytest.approx((1 + 0 + 0.25) / 3)
    assert scores.rmse(sums).item() == pytest.approx(math.sqrt(2 / 3))
    assert [scores.delta(sums, k).item() for k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 2 / 3])


def test_a_ratio_of_exactly_the_limit_is_not_below_it():
    sums = scores.depth_sums(torch.tensor([[[5.0, 4.0]]]), torch.tensor([[[4.0, 5.0]]]))
    assert scores.delta(sums, 1) == 0 and scores.delta(sums, 2) == 1


@given(depths(), st.sampled_from([0.01, 3, 1000]))
@quick
def test_one_factor_on_a_prediction_changes_every_score_but_the_scale_invariant_one(maps, factor):
    prediction, truth = maps
    before, after = scores.depth_sums(prediction, truth), scores.depth_sums(factor * prediction, truth)
    invariant = scores.scale_invariant_rmse
    torch.testing.assert_close(invariant(after), invariant(before), equal_nan=True, rtol=1e-6, atol=1e-6)
    # It is what the best factor leaves of the logarithmic error.
    best = scores.depth_sums(prediction * torch.exp(-before[:, 4] / before[:, 0])[:, None, None].nan_to_num(1), truth)
    torch.testing.assert_close(scores.rmse_log(best), invariant(before), equal_nan=True, rtol=1e-6, atol=1e-6)
    # And one factor on everything, a change of the unit, changes only what is in this unit.
    scaled = scores.depth_sums(factor * prediction, factor * truth)
    for name in ("abs_rel", "rmse", "rmse_log", "scale_invariant"):
        expected = DEPTH[name](before) * (factor if name == "rmse" else 1)
        torch.testing.assert_close(DEPTH[name](scaled), expected, equal_nan=True, rtol=1e-6, atol=1e-6)


def test_what_is_predicted_at_void_pixels_does_not_matter_and_elsewhere_it_must_be_a_depth():
    truth = torch.tensor([[[*NO_DEPTH, 2.0]]])
    for anything in (math.nan, -1.0, 0.0, math.inf):
        prediction = torch.tensor([[[anything] * 4 + [2.0]]])
        sums = scores.depth_sums(prediction, truth)
        assert [score(sums).item() for score in DEPTH.values()] == [0, 0, 0, 0, 1, 1, 1]
        prediction[..., -1] = anything
        with pytest.raises(ValueError, match="a depth is positive and finite"):
            scores.depth_sums(prediction, truth)


@given(depths(), st.sampled_from([0, 0.5, 1]))
@quick
def test_the_loss_is_the_mean_of_its_formula_over_images_with_a_scored_pixel(maps, balance):
    prediction, truth = maps
    log_prediction = prediction.log()
    expected = []
    for p, y in zip(log_prediction, truth, strict=True):
        both = zip(p.flatten().tolist(), y.flatten().tolist(), strict=True)
        d = [a - math.log(b) for a, b in both if 0 < b < math.inf]
        if d:
            expected.append(sum(x * x for x in d) / len(d) - balance * sum(d) ** 2 / len(d) ** 2)
    found = scale_invariant(log_prediction, truth, balance).item()
    assert found == pytest.approx(statistics.mean(expected) if expected else 0, abs=1e-9)


@given(depths())
@quick
def test_the_loss_is_the_squared_score_of_an_image_for_a_balance_of_0_and_of_1(maps):
    prediction, truth = maps
    sums = scores.depth_sums(prediction, truth)
    for balance, score in ((0, scores.rmse_log), (1, scores.scale_invariant_rmse)):
        expected = score(sums).square().nanmean().nan_to_num(0)
        torch.testing.assert_close(scale_invariant(prediction.log(), truth, balance), expected)


@given(depths(), st.sampled_from([-3, 0.5, 20]))
@quick
def test_a_shift_of_the_logarithm_changes_nothing_at_balance_1_and_adds_its_square_at_0(maps, shift):
    log_prediction, truth = maps[0].log(), maps[1]
    full = scale_invariant(log_prediction, truth, 1)
    torch.testing.assert_close(scale_invariant(log_prediction + shift, truth, 1), full)
    if torch.isfinite(truth).logical_and(truth > 0).any():
        exact = torch.where(truth > 0, truth, 1).log()
        for balance in (0, 0.5, 1):
            found = scale_invariant(exact + shift, truth, balance).item()
            assert found == pytest.approx((1 - balance) * shift**2, abs=1e-9)


@pytest.mark.parametrize("balance", [0, 0.5, 1])
def test_gradients_of_the_loss_are_those_of_finite_differences_and_zero_at_void(balance):
    torch.manual_seed(0)
    log_prediction = torch.randn(3, 2, 5, dtype=torch.float64, requires_grad=True)
    truth = torch.rand(3, 2, 5, dtype=torch.float64) + 0.5
    truth[0, 0, :4] = torch.tensor(NO_DEPTH, dtype=torch.float64)
    truth[2] = math.inf  # an image that is all void
    assert gradcheck(lambda x: scale_invariant(x, truth, balance), [log_prediction])
    (gradient,) = torch.autograd.grad(scale_invariant(log_prediction, truth, balance), log_prediction)
    assert not gradient[0, 0, :4].any() and not gradient[2].any() and gradient[1].all()
    if balance == 1:
        torch.testing.assert_close(gradient.sum((1, 2)), torch.zeros(3, dtype=torch.float64))


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0])
def test_where_all_is_void_the_loss_is_0_with_a_gradient_of_zeros(value):
    for shape in ((2, 3, 4), (0, 3, 4)):
        log_prediction = torch.full(shape, value, requires_grad=True)
        found = scale_invariant(log_prediction, torch.full(shape, math.inf))
        (gradient,) = torch.autograd.grad(found, log_prediction)
        assert found == 0 and torch.equal(gradient, torch.zeros(shape))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_loss_in_half_precision_is_summed_in_float32(dtype):
    torch.manual_seed(0)
    log_prediction = (1 + 2 * torch.randn(1, 300, 300)).to(dtype)
    truth = torch.full((1, 300, 300), 3.0, dtype=dtype)
    found = scale_invariant(log_prediction, truth)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, scale_invariant(log_prediction.double(), truth.double()).float())


def test_a_wrong_scale_costs_float32_no_digits_of_the_variance():
    torch.manual_seed(0)
    detail = 1e-3 * torch.randn(1, 200, 200)
    expected = detail.double().var(correction=0)
    found = scale_invariant(detail + 100, torch.ones(1, 200, 200), 1)
    assert found.item() == pytest.approx(expected.item(), rel=1e-3)


def test_all_that_scores_and_loss_make_is_on_the_device_of_their_maps():
    depth = torch.rand(2, 4, 5)

    def everything():
        sums = scores.depth_sums(depth + 1, depth)
        return [*(score(sums) for score in DEPTH.values()), scale_invariant(depth, depth + 1)]

    expected = everything()
    with torch.device("meta"):  # what is made on no device in particular would be here, and mixing devices is an error
        torch.testing.assert_close(everything(), expected)


DEPTHS = torch.rand(1, 2, 3)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: scores.depth_sums(DEPTHS, DEPTHS[0]), r"\(1, 2, 3\) and a depth of the shape \(2, 3\)"),
        (lambda: scores.depth_sums(-DEPTHS, DEPTHS), "predict logarithms"),
        (lambda: scores.delta(scores.depth_sums(DEPTHS, DEPTHS), 4), "k is 4"),
        (lambda: scale_invariant(DEPTHS.unsqueeze(1), DEPTHS), r"log depth of the shape \(1, 1, 2, 3\)"),
        (lambda: scale_invariant(DEPTHS, DEPTHS, 1.5), "λ is 1.5"),
    ],
)
def test_what_does_not_fit_is_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        call()
    assert "\n" not in str(error.value) and str(error.value).endswith(".")
