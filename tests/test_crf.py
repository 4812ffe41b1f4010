"""The dense CRF against its definition, written as loops over pairs of pixels in float64, and against enumeration."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from pixelwise.crf import DenseCRF, Kernel, free_energy, mean_field, mean_field_steps
from pixelwise.data.scenes import scenes

quick = settings(max_examples=25, deadline=None)
POTTS = None


@st.composite
def problems(draw, least_classes=1):
    """Scores (N, K, H, W) and images (N, C, H, W) in float64, from far apart in colour to nearly constant."""
    images, classes, channels = draw(st.integers(1, 2)), draw(st.integers(least_classes, 3)), draw(st.integers(1, 3))
    height, width = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    scores = 2 * torch.randn(images, classes, height, width, generator=generator, dtype=torch.float64)
    colours = torch.rand(images, channels, height, width, generator=generator, dtype=torch.float64)
    return scores, colours * draw(st.sampled_from([0.01, 1, 100]))


@st.composite
def kernels(draw):
    widths = st.sampled_from([0.3, 1, 5])
    one = st.builds(Kernel, st.sampled_from([0, 0.5, 3]), widths, st.one_of(st.none(), st.sampled_from([0.05, 1])))
    return draw(st.lists(one, max_size=3))


@st.composite
def fields(draw, classes):
    """Any dense CRF for so many classes."""
    mu = torch.randn(classes, classes, generator=torch.Generator().manual_seed(draw(st.integers(0, 99))))
    return DenseCRF(
        draw(kernels()),
        compatibility=draw(st.sampled_from([POTTS, (mu + mu.T).double()])),
        normalisation=draw(st.sampled_from(["symmetric", "none"])),
        radius=draw(st.sampled_from([None, 1, 2, 9])),
    )


class Definition:
    """One image: what the docstring of `pixelwise.crf` writes, with a loop for each sum."""

    def __init__(self, scores, image, crf):
        self.crf, (self.classes, height, width) = crf, scores.shape
        self.places = list(itertools.product(range(height), range(width)))
        self.colours = [image[:, y, x].tolist() for y, x in self.places]
        exponentials = [[math.exp(v) for v in scores[:, y, x].tolist()] for y, x in self.places]
        self.unary = [[-math.log(v / sum(each)) for v in each] for each in exponentials]
        self.pixels = range(len(self.places))
        self.mu = (1 - torch.eye(self.classes) if crf.compatibility is None else crf.compatibility).tolist()
        self.weights = [[self.all_kernels(i, j) for j in self.pixels] for i in self.pixels]

    def kernel(self, kernel, i, j):
        (y, x), (v, u) = self.places[i], self.places[j]
        if self.crf.radius is not None and max(abs(y - v), abs(x - u)) > self.crf.radius:
            return 0.0
        exponent = -((y - v) ** 2 + (x - u) ** 2) / (2 * kernel.position**2)
        if kernel.colour is not None:
            apart = sum((a - b) ** 2 for a, b in zip(self.colours[i], self.colours[j], strict=True))
            exponent -= apart / (2 * kernel.colour**2)
        return math.exp(exponent)

    def all_kernels(self, i, j):
        total = 0.0
        for kernel in self.crf.kernels:
            value = self.kernel(kernel, i, j)
            if self.crf.normalisation == "symmetric":
                n_i, n_j = (sum(self.kernel(kernel, one, k) for k in self.pixels) for one in (i, j))
                value /= math.sqrt(n_i * n_j)
            total += kernel.weight * value
        return total

    def start(self):
        return [[math.exp(-u) for u in each] for each in self.unary]

    def step(self, q, damping):
        updated = []
        for i in self.pixels:
            field = [
                sum(
                    self.mu[a][b] * self.weights[i][j] * q[j][b]
                    for j in self.pixels
                    if j != i
                    for b in range(len(self.mu))
                )
                for a in range(self.classes)
            ]
            values = [math.exp(-u - f) for u, f in zip(self.unary[i], field, strict=True)]
            updated.append(
                [damping * old + (1 - damping) * v / sum(values) for old, v in zip(q[i], values, strict=True)]
            )
        return updated

    def free_energy(self, q):
        labels = range(self.classes)
        own = sum(q[i][a] * (self.unary[i][a] + math.log(q[i][a])) for i in self.pixels for a in labels if q[i][a] > 0)
        pairs = sum(
            q[i][a] * q[j][b] * self.mu[a][b] * self.weights[i][j]
            for i, j in itertools.combinations(self.pixels, 2)
            for a in labels
            for b in labels
        )
        return own + pairs

    def energy(self, labels):
        return sum(self.unary[i][labels[i]] for i in self.pixels) + sum(
            self.mu[labels[i]][labels[j]] * self.weights[i][j] for i, j in itertools.combinations(self.pixels, 2)
        )


def as_lists(q):
    """(K, H, W) to a list of one distribution a pixel."""
    return q.flatten(1).T.tolist()


@given(st.data(), problems(), st.sampled_from([0, 0.3]))
@quick
def test_every_step_and_its_free_energy_are_those_of_the_definition(data, problem, damping):
    scores, images = problem
    crf = data.draw(fields(scores.shape[1]))
    qs, energies = mean_field_steps(scores, images, crf, steps=3, damping=damping)
    assert qs.shape == (4, *scores.shape) and energies.shape == (4, len(scores))
    for image in range(len(scores)):
        definition = Definition(scores[image], images[image], crf)
        q = definition.start()
        for step in range(4):
            torch.testing.assert_close(torch.tensor(as_lists(qs[step, image])), torch.tensor(q))
            assert energies[step, image].item() == pytest.approx(definition.free_energy(q), rel=1e-9, abs=1e-9)
            q = definition.step(q, damping)
    torch.testing.assert_close(mean_field(scores, images, crf, steps=3, damping=damping), qs[-1], rtol=0, atol=0)


@given(st.data(), problems())
@quick
def test_the_free_energy_of_any_distribution_is_that_of_the_definition(data, problem):
    scores, images = problem
    crf, q = data.draw(fields(scores.shape[1])), scores.flip(0, 1, 2, 3).mul(3).softmax(dim=1)
    found = free_energy(q, scores, images, crf).tolist()
    expected = [Definition(scores[i], images[i], crf).free_energy(as_lists(q[i])) for i in range(len(scores))]
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("normalisation", ["symmetric", "none"])
def test_the_free_energy_of_a_labelling_is_its_energy_and_that_of_q_is_the_divergence_less_log_z(normalisation):
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(1, 3, 2, 2, generator=generator, dtype=torch.float64)
    images = torch.rand(1, 3, 2, 2, generator=generator, dtype=torch.float64)
    crf = DenseCRF((Kernel(1.5, 2, 0.3), Kernel(1, 1)), normalisation=normalisation)
    definition = Definition(scores[0], images[0], crf)
    labellings = list(itertools.product(range(3), repeat=4))
    energies = [definition.energy(labels) for labels in labellings]
    one_hot = F.one_hot(torch.tensor(labellings).reshape(-1, 2, 2), 3).movedim(-1, 1).double()
    found = free_energy(one_hot, scores.expand(81, -1, -1, -1), images.expand(81, -1, -1, -1), crf)
    assert found.tolist() == pytest.approx(energies)

    log_z = math.log(sum(math.exp(-energy) for energy in energies))
    qs, free = mean_field_steps(scores, images, crf, steps=4)
    for q, energy in zip(qs[:, 0], free[:, 0].tolist(), strict=True):
        each = as_lists(q)
        together = [math.prod(each[i][label] for i, label in enumerate(labels)) for labels in labellings]
        divergence = sum(p * (math.log(p) + energy + log_z) for p, energy in zip(together, energies, strict=True))
        assert divergence >= 0 and energy + log_z == pytest.approx(divergence)


@given(problems(least_classes=2), kernels())
@quick
def test_no_step_raises_the_free_energy_where_the_docstring_says_so(problem, found):
    scores, images = problem
    for normalisation in ("symmetric", "none"):
        # Σ w k(i, i) is at most Σ w under either normalisation.
        damping = max(1 - 2 / max(sum(kernel.weight for kernel in found), 1e-9), 0)
        crf = DenseCRF(found, normalisation=normalisation)
        _, energies = mean_field_steps(scores, images, crf, steps=8, damping=damping)
        assert (energies.diff(dim=0) <= 1e-9).all()


def test_undamped_steps_without_normalisation_oscillate_and_damped_ones_do_not():
    # Two pixels that nothing but the pair decides: each takes the label that the other had.
    scores, images = torch.tensor([[[[1.0, -0.9]], [[0.0, 0.0]]]]), torch.zeros(1, 1, 1, 2)
    crf = DenseCRF((Kernel(10, 5),), normalisation="none")
    _, energies = mean_field_steps(scores, images, crf, steps=6)
    assert (energies.diff(dim=0) > 1).any()
    damped_qs, damped = mean_field_steps(scores, images, crf, steps=60, damping=0.8)
    assert (damped.diff(dim=0) <= 1e-4).all() and damped[-1] < energies[-1] - 1
    assert (damped_qs[-1].argmax(1) == damped_qs[-1].argmax(1)[..., :1]).all()


@given(st.data(), problems())
@quick
def test_each_pixel_has_a_distribution_and_only_differences_of_scores_matter(data, problem):
    scores, images = problem
    crf = data.draw(fields(scores.shape[1]))
    q = mean_field(scores, images, crf)
    assert (q >= 0).all()
    torch.testing.assert_close(q.sum(1), torch.ones_like(q[:, 0]))
    torch.testing.assert_close(mean_field(scores + 5 * images[:, :1], images, crf), q)
    torch.testing.assert_close(mean_field(scores.log_softmax(1), images + 3, crf), q)


@given(st.data(), problems(least_classes=2))
@quick
def test_turned_images_and_renamed_labels_give_turned_and_renamed_results(data, problem):
    scores, images = problem
    crf = data.draw(fields(scores.shape[1]))
    q = mean_field(scores, images, crf)
    torch.testing.assert_close(mean_field(scores.flip(3).mT, images.flip(3).mT, crf), q.flip(3).mT)
    if crf.compatibility is POTTS:
        torch.testing.assert_close(mean_field(scores.roll(1, dims=1), images, crf), q.roll(1, dims=1))


@pytest.mark.parametrize("radius", [None, 2])
@pytest.mark.parametrize("normalisation", ["symmetric", "none"])
def test_on_a_constant_image_the_appearance_kernel_is_one_of_position_alone(normalisation, radius):
    scores, image = torch.randn(1, 3, 5, 6, dtype=torch.float64), torch.full((1, 3, 5, 6), 0.7, dtype=torch.float64)
    with_colour, without = (DenseCRF((Kernel(2, 1.5, c),), None, normalisation, radius) for c in (0.1, None))
    torch.testing.assert_close(mean_field(scores, image, with_colour), mean_field(scores, image, without))


@pytest.mark.parametrize("shape", [(7, 9), (1, 8), (8, 1), (1, 1)])
@pytest.mark.parametrize("radius", [None, 3])
def test_what_does_not_fit_into_memory_is_computed_in_blocks_with_the_same_result(shape, radius):
    torch.manual_seed(0)
    scores, images = torch.randn(2, 3, *shape, dtype=torch.float64), torch.rand(2, 3, *shape)
    crf = DenseCRF((Kernel(3, 4, 0.2), Kernel(2, 2, 0.5), Kernel(1, 1)), radius=radius)
    whole = mean_field_steps(scores, images, crf)
    for memory in (0, 2**15):  # a block of one row, of a few
        torch.testing.assert_close(mean_field_steps(scores, images, crf, memory=memory), whole)


@pytest.mark.parametrize("shape", [(5, 7), (1, 6), (6, 1)])
def test_a_radius_that_reaches_everything_leaves_nothing_out(shape):
    torch.manual_seed(0)
    scores, images = torch.randn(1, 2, *shape, dtype=torch.float64), torch.rand(1, 3, *shape, dtype=torch.float64)
    all_pairs = mean_field_steps(scores, images)
    torch.testing.assert_close(mean_field_steps(scores, images, DenseCRF(radius=max(shape) - 1)), all_pairs)
    assert not torch.allclose(mean_field(scores, images, DenseCRF(radius=1)), all_pairs[0][-1])


def test_without_weights_kernels_or_steps_and_with_one_class_nothing_happens():
    scores, images = torch.randn(2, 3, 4, 5), torch.rand(2, 3, 4, 5)
    for crf, steps in ((DenseCRF(()), 5), (DenseCRF((Kernel(0, 3), Kernel(0, 3, 0.1))), 5), (DenseCRF(), 0)):
        torch.testing.assert_close(mean_field(scores, images, crf, steps), scores.softmax(1))
    torch.testing.assert_close(mean_field(scores[:, :1], images), torch.ones(2, 1, 4, 5))


def test_a_batch_is_its_images_one_by_one_and_may_be_empty():
    scores, images = torch.randn(3, 4, 6, 5), torch.rand(3, 3, 6, 5)
    for found, each in zip(
        mean_field_steps(scores, images),
        zip(*(mean_field_steps(scores[i : i + 1], images[i : i + 1]) for i in range(3)), strict=True),
        strict=True,
    ):
        assert torch.equal(found, torch.cat(each, dim=1))
    none = scores[:0], images[:0]
    assert mean_field(*none).shape == (0, 4, 6, 5) and free_energy(scores[:0], *none).shape == (0,)
    assert [each.shape for each in mean_field_steps(*none, steps=2)] == [(3, 0, 4, 6, 5), (3, 0)]


def test_a_pixel_that_is_wrong_among_its_like_is_put_right_and_one_across_a_contour_is_not():
    image = torch.zeros(1, 3, 12, 12)
    image[..., 6:] = 1  # two halves of different colours
    truth = (image[:, 0] > 0.5).long()
    noisy = truth.clone()
    noisy[0, 4, 2] = 1
    noisy[0, :, 6] = 0  # and a contour that is one column off
    scores = 2 * F.one_hot(noisy, 2).movedim(-1, 1).float()
    assert torch.equal(mean_field(scores, image, DenseCRF((Kernel(4, 5, 0.1),))).argmax(1), truth)
    # Positions alone mend the pixel and leave the contour.
    smooth = mean_field(scores, image, DenseCRF((Kernel(4, 2),))).argmax(1)
    assert smooth[0, 4, 2] == 0 and (smooth[0, 1:-1, 6] == 0).all()


@pytest.mark.parametrize("radius", [None, 1])
@pytest.mark.parametrize("normalisation", ["symmetric", "none"])
def test_gradients_for_scores_weights_and_compatibility_are_those_of_finite_differences(normalisation, radius):
    torch.manual_seed(0)
    scores = torch.randn(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    images = torch.rand(1, 3, 2, 2, dtype=torch.float64)
    weights = torch.tensor([1.5, 0.7], dtype=torch.float64, requires_grad=True)
    mu = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)

    def run(scores, weights, mu):
        crf = DenseCRF((Kernel(weights[0], 2, 0.4), Kernel(weights[1], 1)), mu + mu.T, normalisation, radius)
        return mean_field_steps(scores, images, crf, steps=2, damping=0.2)

    assert gradcheck(run, [scores, weights, mu])
    assert gradgradcheck(lambda *inputs: run(*inputs)[0][-1], [scores, weights, mu])


def test_a_label_that_a_score_rules_out_stays_out_with_finite_energies_and_gradients():
    scores = torch.randn(1, 3, 4, 4)
    scores[:, 1] = -torch.inf
    scores[:, 2] = -1e4  # its probability is 0 to rounding
    scores.requires_grad_()
    qs, energies = mean_field_steps(scores, torch.rand(1, 3, 4, 4))
    assert (qs[:, :, 1] == 0).all() and energies.isfinite().all()
    (gradient,) = torch.autograd.grad(qs[-1].square().sum() + energies.sum(), scores)
    assert gradient[:, [0, 2]].isfinite().all()


def test_float32_keeps_narrow_kernels_of_colour_at_float64s_values():
    found = scenes(1, 24)
    scores = F.one_hot(found.labels, 9).movedim(-1, 1).double() + torch.randn(1, 9, 24, 24, dtype=torch.float64)
    crf = DenseCRF((Kernel(5, 40, 0.01), Kernel(3, 2)))
    exact = mean_field(scores, found.images.double(), crf)
    torch.testing.assert_close(mean_field(scores.float(), found.images, crf).double(), exact, rtol=1e-4, atol=1e-5)
    bytes_ = (255 * found.images).round().to(torch.uint8)  # colours may be counted from 0 to 255
    counted = mean_field(scores, bytes_, DenseCRF((Kernel(5, 40, 255 * 0.01), Kernel(3, 2))))
    torch.testing.assert_close(counted, exact, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened_also_under_autocast(dtype):
    scores, images = torch.randn(1, 3, 8, 8).to(dtype), torch.rand(1, 3, 8, 8)
    expected = mean_field(scores.float(), images)
    assert torch.equal(mean_field(scores, images), expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(mean_field(scores, images), expected)


@pytest.mark.parametrize("radius", [None, 2])
def test_all_that_it_makes_is_on_the_device_of_the_scores(radius):
    scores, images = torch.randn(1, 3, 4, 5), torch.rand(1, 3, 4, 5)
    crf = DenseCRF(radius=radius)
    expected = mean_field_steps(scores, images, crf)
    with torch.device("meta"):  # what is made on no device in particular would be here, and mixing devices is an error
        torch.testing.assert_close(mean_field_steps(scores, images, crf), expected, rtol=0, atol=0)
        torch.testing.assert_close(free_energy(expected[0][-1], scores, images, crf), expected[1][-1])


def test_inputs_stay_as_they_are_and_need_not_be_contiguous():
    scores, images = torch.randn(1, 5, 4, 3).transpose(1, 3), torch.rand(1, 5, 4, 3).transpose(1, 3)
    before = scores.clone(), images.clone()
    found = mean_field(scores, images)
    assert torch.equal(scores, before[0]) and torch.equal(images, before[1])
    assert torch.equal(found, mean_field(*(each.contiguous() for each in before)))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x, i: mean_field(x, i[..., :2]), r"\(1, 2, 3, 3\) and images of the shape \(1, 3, 3, 2\) do not fit"),
        (lambda x, i: mean_field(x[0], i), r"\(N, K, H, W\) needs \(N, C, H, W\)"),
        (lambda x, i: mean_field(x, i, steps=-1), "steps from 0 .* not -1 and 0"),
        (lambda x, i: mean_field_steps(x, i, damping=1), "damping from 0 to below 1, not 10 and 1"),
        (
            lambda x, i: mean_field(x, i, DenseCRF(compatibility=torch.eye(3))),
            "2 classes need a symmetric matrix of 2×2",
        ),
        (lambda x, i: mean_field(x, i, DenseCRF(compatibility=torch.arange(4.0).reshape(2, 2))), "a pair has no order"),
        (lambda x, i: mean_field(x * math.nan, i), "must be finite"),
        (lambda x, i: mean_field(x + math.inf, i), "must be finite"),
        (lambda x, i: mean_field(x - math.inf, i), "leaves each pixel at least one"),
        (lambda x, i: mean_field(x, i / 0), "must be finite"),
        (lambda x, i: free_energy(x[..., :2], x, i), "they must be the same"),
        (lambda x, i: DenseCRF(normalisation="mean"), "normalisation='mean'"),
        (lambda x, i: DenseCRF(radius=0), "radius of 0 pixels leaves no pairs"),
        (lambda x, i: Kernel(-1, 3), "weight of a kernel is -1"),
        (lambda x, i: Kernel(1, 0), "widths 0 in pixels and None in colour"),
        (lambda x, i: Kernel(1, 3, -0.1), "widths 3 in pixels and -0.1 in colour"),
        (lambda x, i: Kernel(math.nan, 3), "weight of a kernel is nan"),
    ],
)
def test_what_does_not_fit_is_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        call(torch.zeros(1, 2, 3, 3), torch.zeros(1, 3, 3, 3))
    assert "\n" not in str(error.value) and str(error.value).endswith(".")
