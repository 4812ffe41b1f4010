"""Hidden suite: the bottleneck block. What it returns has to be what its parameters imply, worked out in float64."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import Failure, assert_close, assert_refuses, assert_untouched, normal


def shapes(channels, width, projected):
    """The shape of each parameter, by name."""
    convolutions = {"conv1": (width, channels, 1, 1), "conv2": (width, width, 3, 3), "conv3": (4 * width, width, 1, 1)}
    if projected:
        convolutions["shortcut"] = (4 * width, channels, 1, 1)
    norms = {"norm1": (channels,), "norm2": (width,), "norm3": (width,)}
    return {
        **{f"{part}.weight": shape for part, shape in (convolutions | norms).items()},
        **{f"{part}.bias": shape for part, shape in norms.items()},
    }


def drawn(rng, channels, width, projected=False):
    """Values for all parameters and running statistics; the activations that come of them have both signs."""
    values = {name: 0.5 * normal(rng, *shape) for name, shape in shapes(channels, width, projected).items()}
    for part, size in (("norm1", channels), ("norm2", width), ("norm3", width)):
        values[f"{part}.weight"] += 1.0
        values[f"{part}.running_mean"] = 0.5 * normal(rng, size)
        values[f"{part}.running_var"] = normal(rng, size).square() + 0.5
    return values


def built(student, values, *numbers, training=False, **named):
    """A block of the student's with these values."""
    net = student.Bottleneck(*numbers, **named)
    net.load(values)
    net.train(training)
    return net


def definition(values, x, stride=1, dilation=1, training=False):
    """What the block returns, and the running statistics after it."""
    v = {name: value.double() for name, value in values.items()}
    running = {name: value.clone() for name, value in v.items() if "running" in name}

    def activated(part, maps):
        mean, var = running[f"{part}.running_mean"], running[f"{part}.running_var"]
        return F.batch_norm(maps, mean, var, v[f"{part}.weight"], v[f"{part}.bias"], training).relu()

    a = activated("norm1", x.double())
    b = activated("norm2", F.conv2d(a, v["conv1.weight"]))
    b = F.conv2d(b, v["conv2.weight"], stride=stride, padding=dilation, dilation=dilation)
    f = F.conv2d(activated("norm3", b), v["conv3.weight"])
    shortcut = F.conv2d(a, v["shortcut.weight"], stride=stride) if "shortcut.weight" in v else x.double()
    return f + shortcut, running


@pytest.mark.points(2)
def test_the_parts_have_their_names_and_shapes(student):
    "Each layer has the name of the table and the channels of the table, and no convolution has a bias."
    for numbers, projected in (((12, 3), False), ((12, 3, 2), True)):
        found = {name: tuple(value.shape) for name, value in student.Bottleneck(*numbers).parameters().items()}
        wanted = shapes(12, 3, projected)
        for each in (found, wanted):
            each.pop("shortcut.weight", None)  # which blocks need a shortcut of their own is another test's
        if found != wanted:
            raise Failure("the parameters are not those of the table")


def test_a_shortcut_of_its_own_only_where_the_shape_changes(student):
    "The shortcut has weights where the channels change or the stride is not 1, and none elsewhere."
    for numbers, projected in (((12, 3), False), ((12, 3, 2), True), ((8, 3), True), ((12, 3, 1, 2), False)):
        found = student.Bottleneck(*numbers).parameters()
        if ("shortcut.weight" in found) is not projected:
            raise Failure("the shortcut has weights where it needs none" if projected is False else "it has none")


@pytest.mark.points(3)
def test_the_path(student, rng):
    "Normalisation, ReLU, convolution, three times in this order: what the path adds is what its parameters imply."
    values = drawn(rng, 16, 4)
    x = normal(rng, 2, 16, 6, 5)
    far = x.clamp(min=0) + 100  # so that no sum is negative: what comes after the sum is another test's
    values["norm1.running_mean"] += 100
    net = built(student, values, 16, 4)
    assert_close(net(far) - far, (definition(values, far)[0] - far.double()).float(), rtol=1e-3, atol=1e-3)


@pytest.mark.points(2)
def test_nothing_comes_after_the_sum(student, rng):
    "After the sum there is neither a ReLU nor a normalisation: negative values pass."
    values = drawn(rng, 16, 4)
    values["conv3.weight"].zero_()
    x = normal(rng, 2, 16, 4, 4)
    assert_close(built(student, values, 16, 4)(x), x)


@pytest.mark.points(2)
def test_the_shortcut_where_channels_change(student, rng):
    "Where the channels change, the shortcut is a convolution of the activated input, and not of the input itself."
    values = drawn(rng, 6, 4, projected=True)
    values["conv3.weight"].zero_()
    x = normal(rng, 2, 6, 5, 4)
    assert_close(built(student, values, 6, 4)(x), definition(values, x)[0].float())


@pytest.mark.points(2)
def test_a_stride(student, rng):
    "The stride is that of the 3×3 convolution and of the shortcut: sizes are divided by it and rounded up."
    for stride, size in ((2, (7, 6)), (3, (7, 9))):
        values = drawn(rng, 12, 3, projected=True)
        x = normal(rng, 2, 12, *size)
        net = built(student, values, 12, 3, stride)
        assert_close(net(x), definition(values, x, stride)[0].float(), rtol=1e-3, atol=1e-3)


@pytest.mark.points(2)
def test_a_dilation(student, rng):
    "The dilation is that of the 3×3 convolution, whose padding grows with it, so that the size stays."
    values = drawn(rng, 16, 4)
    x = normal(rng, 2, 16, 7, 8)
    assert_close(built(student, values, 16, 4, dilation=3)(x), definition(values, x, dilation=3)[0].float())


def test_stride_and_dilation_together(student, rng):
    "A stride and a dilation change the 3×3 convolution together, and the shortcut knows no dilation."
    values = drawn(rng, 16, 4, projected=True)
    x = normal(rng, 1, 16, 9, 8)
    right = definition(values, x, 2, 2)[0].float()
    assert_close(built(student, values, 16, 4, 2, 2)(x), right, rtol=1e-3, atol=1e-3)


@pytest.mark.points(2)
def test_training_uses_the_batch(student, rng):
    "In training mode all three normalisations use the statistics of the batch."
    values = drawn(rng, 16, 4)
    x = 2 * normal(rng, 3, 16, 5, 5) + 1
    net = built(student, values, 16, 4, training=True)
    assert_close(net(x), definition(values, x, training=True)[0].float())


def test_training_with_a_stride(student, rng):
    "Each normalisation sees the map of the table: what a stride leaves out has no part in its statistics."
    values = drawn(rng, 16, 4, projected=True)
    x = 2 * normal(rng, 3, 16, 7, 7) + 1
    net = built(student, values, 16, 4, 2, training=True)
    assert_close(net(x), definition(values, x, 2, training=True)[0].float())


def test_training_moves_the_running_statistics(student, rng):
    "One batch in training mode moves the running mean and variance of each normalisation once."
    values = drawn(rng, 16, 4)
    x = 2 * normal(rng, 3, 16, 5, 5) + 1
    net = built(student, values, 16, 4, training=True)
    net(x)
    _, running = definition(values, x, training=True)
    after = net.buffers()
    assert_close({name: after.get(name) for name in running}, {name: v.float() for name, v in running.items()})


@pytest.mark.points(2)
def test_evaluation_moves_nothing(student, rng):
    "In evaluation mode an image gets the same result in any batch, and the running statistics stay as they are."
    values = drawn(rng, 16, 4)
    x = normal(rng, 3, 16, 5, 5)
    net = built(student, values, 16, 4)
    assert_close(net(x)[:1], net(x[:1]))
    after = net.buffers()
    kept = {name: value for name, value in values.items() if "running" in name}
    assert_close({name: after.get(name) for name in kept}, kept)


@pytest.mark.points(2)
def test_a_new_block_returns_its_input(student, rng):
    "A new block adds nothing: the weights of its last convolution start at 0."
    x = normal(rng, 2, 12, 4, 5) + 100  # so that no sum is negative
    net = student.Bottleneck(12, 3)
    net.load({"norm3.weight": torch.ones(3), "norm3.bias": torch.ones(3)})  # the zeros are not the normalisation's
    assert_close(net(x), x)


def test_only_the_last_convolution_starts_at_zero(student):
    "All convolutions but conv3 start with random numbers: of zeros everywhere nothing is ever learned."
    values = student.Bottleneck(6, 3, stride=2).parameters()
    for part in ("conv1", "conv2", "shortcut"):
        value = values.get(f"{part}.weight")
        if value is None or not value.any() or torch.equal(value, value.flatten()[0].expand_as(value)):
            raise Failure(f"{part} starts with one number everywhere")


@pytest.mark.points(2)
def test_the_gradient_reaches_every_parameter(student, rng):
    "The gradient reaches every parameter of every part."
    values = drawn(rng, 6, 4, projected=True)
    x, upstream = normal(rng, 2, 6, 6, 5), normal(rng, 2, 16, 6, 5)
    learned = {n: v.clone().double().requires_grad_() for n, v in values.items() if "running" not in n}
    right = torch.autograd.grad((definition({**values, **learned}, x)[0] * upstream).sum(), list(learned.values()))
    got = built(student, values, 6, 4).parameter_gradients(x, upstream=upstream)
    for name, gradient in zip(learned, right, strict=True):
        # A draw may leave a ReLU without a positive number: then the right gradient is zero.
        if got.get(name) is None or (gradient.any() and not got[name].any()):
            raise Failure(f"{name} gets no gradient")
        assert_close(got[name], gradient.float(), rtol=1e-3, atol=1e-3)


def test_the_gradient_of_the_input(student, rng):
    "The gradient reaches the input along the path and along the shortcut."
    values = drawn(rng, 16, 4)
    x, upstream = normal(rng, 2, 16, 13, 12), normal(rng, 2, 16, 13, 12)  # so many that a shift switches some ReLU
    (got,) = built(student, values, 16, 4).gradients(x, upstream=upstream)
    leaf = x.clone().requires_grad_()
    (right,) = torch.autograd.grad((definition(values, leaf)[0] * upstream).sum(), leaf)
    assert_close(got, right, rtol=1e-3, atol=1e-3)


def test_two_blocks_share_nothing(student, rng):
    "Each block has layers of its own: what one learns does not change another."
    first, second = student.Bottleneck(16, 4), student.Bottleneck(16, 4)
    before = second.parameters()
    first.load(drawn(rng, 16, 4))
    assert_close(second.parameters(), before)


def test_the_input_stays_as_it_was(student, rng):
    "A ReLU in place is for maps of the block's own: the input is afterwards what it was."
    for numbers, projected in (((16, 4), False), ((6, 2), True)):
        net = built(student, drawn(rng, *numbers, projected=projected), *numbers)
        assert_untouched(net, normal(rng, 2, numbers[0], 5, 5))


def test_maps_of_one_pixel_and_batches_of_no_images(student, rng):
    "In evaluation mode a map may have a single pixel, and a batch no image."
    values = drawn(rng, 64, 16)
    net = built(student, values, 64, 16)
    for shape in ((1, 64, 1, 1), (9, 64, 1, 1), (0, 64, 4, 3)):  # of one pixel alone a ReLU may leave nothing to see
        x = normal(rng, *shape)
        assert_close(net(x), definition(values, x)[0].float())


def test_refuses_numbers_below_one(student):
    "No channels, no width, a stride or a dilation below 1: each is a ValueError."
    student.Bottleneck(1, 1, 1, 1)  # allowed, so refusing everything does not pass
    for numbers in ((0, 2), (8, 0), (8, 2, 0), (8, 2, 1, 0)):
        assert_refuses(student.Bottleneck, *numbers)
