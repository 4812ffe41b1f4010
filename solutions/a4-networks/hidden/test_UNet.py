"""Hidden suite: U-Net, worked out from its parameters by PyTorch's functions."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import Failure, Mismatch, assert_close, assert_refuses, assert_untouched, normal, scattered


def shapes(in_channels, classes, width, depth):
    """The shapes of all parameters by name."""
    widths = [width * 2**level for level in range(depth + 1)]
    found = {"score.weight": (classes, width, 1, 1), "score.bias": (classes,)}
    for level, after in enumerate(widths):
        blocks = {f"down.{level}": widths[level - 1] if level else in_channels}
        if level < depth:
            blocks[f"up.{level}"] = 2 * after
            found[f"up.{level}.enlarge.weight"] = (2 * after, after, 2, 2)
            found[f"up.{level}.enlarge.bias"] = (after,)
        for name, before in blocks.items():
            found[f"{name}.conv1.weight"], found[f"{name}.conv2.weight"] = (after, before, 3, 3), (after, after, 3, 3)
            for number in (1, 2):
                found[f"{name}.norm{number}.weight"] = found[f"{name}.norm{number}.bias"] = (after,)
    return found


def drawn(rng, *configuration):
    """Values for all parameters and running statistics, of a size that neither vanishes nor explodes."""
    values = {}
    for name, shape in shapes(*configuration).items():
        if ".norm" in name:
            values[name] = 0.3 * normal(rng, *shape) + (1.0 if name.endswith("weight") else 0.2)
            if name.endswith("weight"):
                layer = name.removesuffix("weight")
                values[f"{layer}running_mean"] = 0.3 * normal(rng, *shape)
                values[f"{layer}running_var"] = normal(rng, *shape).abs() + 0.5
        elif name.endswith("bias"):
            values[name] = 0.5 * normal(rng, *shape)
        else:
            read = shape[0] if "enlarge" in name else shape[1] * shape[2] * shape[3]
            values[name] = normal(rng, *shape) * (2 / read) ** 0.5
    return values


def built(student, rng, *configuration, training=False, values=None):
    """A network of ``values``, or of drawn ones, and these. A parameter that the text does not know is zero: that it is
    there is another test's."""
    net, values = student.UNet(*configuration), values or drawn(rng, *configuration)
    others = {name: torch.zeros_like(p) for name, p in net.parameters().items() if name not in values}
    net.load(values | others)
    net.train(training)
    return net, values


def block(values, x, layer, training):
    for i in (1, 2):
        x = F.conv2d(x, values[f"{layer}.conv{i}.weight"], padding=1)
        norm = f"{layer}.norm{i}."
        statistics = values[norm + "running_mean"], values[norm + "running_var"]
        x = F.relu(F.batch_norm(x, *statistics, values[norm + "weight"], values[norm + "bias"], training))
    return x


def expected(values, x, depth, training=False):
    """The scores that ``values`` imply. In training their running statistics change."""
    maps = [block(values, x, "down.0", training)]
    for level in range(1, depth + 1):
        maps.append(block(values, F.max_pool2d(maps[-1], 2), f"down.{level}", training))
    x = maps.pop()
    for level in reversed(range(depth)):
        up, skip = f"up.{level}", maps.pop()
        enlarged = F.conv_transpose2d(x, values[f"{up}.enlarge.weight"], values[f"{up}.enlarge.bias"], stride=2)
        x = torch.zeros(*enlarged.shape[:2], *skip.shape[2:], dtype=x.dtype)
        x[:, :, : enlarged.shape[2], : enlarged.shape[3]] = enlarged
        x = block(values, torch.cat([skip, x], 1), up, training)
    return F.conv2d(x, values["score.weight"], values["score.bias"])


def agree(got, wanted):
    # Many layers of float32: far from float64's digits, and as far from what another network gives.
    assert_close(got, wanted, 2e-3, 2e-3 * float(wanted.abs().mean()) if wanted.numel() else 0.0)


def evaluates(student, rng, size, *configuration, images=2):
    net, values = built(student, rng, *configuration)
    x = normal(rng, images, configuration[0], *size)
    agree(net(x), expected(values, x, configuration[3]))


@pytest.mark.points(2)
def test_the_parameters_have_their_names(student):
    "The parameters have the names of the text, and there are no others and none is missing."
    for configuration in ((2, 3, 2, 2), (1, 2, 3, 0)):
        got, wanted = set(student.UNet(*configuration).parameters()), set(shapes(*configuration))
        if got != wanted:
            raise Mismatch(f"{len(wanted - got)} names are missing and {len(got - wanted)} are others", got, wanted)


@pytest.mark.points(2)
def test_the_parameters_have_their_shapes(student):
    "The channels of every level follow from the width, and what each layer reads from the layers before it."
    for configuration in ((3, 7, 4, 2), (1, 2, 1, 3), (5, 1, 3, 1)):
        got, wanted = student.UNet(*configuration).parameters(), shapes(*configuration)
        named = {name: tuple(p.shape) for name, p in got.items() if name in wanted}
        if not named:
            raise Failure("no parameter has a name of the text")
        assert_close(named, {name: wanted[name] for name in named})


def test_the_defaults(student):
    "Without a width and a depth the network has those of the text."
    got, wanted = student.UNet(3, 5).parameters(), shapes(3, 5, 8, 3)
    deeper = shapes(3, 5, 8, 6)  # names of further levels, which there should not be
    assert_close({name: tuple(p.shape) for name, p in got.items() if name in wanted or name in deeper}, wanted)


def test_parameters_by_keyword(student):
    "The parameters of the class have the names and the order of the text."
    got = student.UNet(classes=4, in_channels=2, depth=1, width=5).parameters()
    assert_close(tuple(got["score.weight"].shape), (4, 5, 1, 1))


def test_running_statistics_are_there(student):
    "Every normalisation has a running mean and a running variance, one number for each channel."
    got, wanted = student.UNet(2, 2, 3, 1).buffers(), drawn(torch.Generator(), 2, 2, 3, 1)
    wanted = {name: tuple(v.shape) for name, v in wanted.items() if "running" in name}
    assert_close({name: tuple(b.shape) for name, b in got.items() if name in wanted}, wanted)


def test_normalisations_begin_as_pytorch_has_them(student):
    "A new normalisation changes no scale: its weights and variances are 1, its biases and means are 0."
    net = student.UNet(2, 3, 2, 1)
    found = net.parameters() | net.buffers()
    begin = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}
    ends = {name: name.rpartition(".")[2] for name in found if ".norm" in name}
    wanted = {name: torch.full_like(found[name], begin[end]) for name, end in ends.items() if end in begin}
    if not wanted:
        raise Failure("no parameter and no statistic has the name of a normalisation")
    assert_close({name: found[name] for name in wanted}, wanted)


@pytest.mark.points(3)
def test_evaluation(student, rng):
    "In evaluation, the scores are those that parameters and running statistics imply, skips before enlarged maps."
    evaluates(student, rng, (8, 12), 3, 4, 3, 2)


def test_its_own_parameters(student, rng):
    "A network that has just been built computes with the parameters that it shows."
    net, known = student.UNet(2, 3, 4, 1), shapes(2, 3, 4, 1)
    net.load({name: torch.zeros_like(p) for name, p in net.parameters().items() if name not in known})
    net.eval()
    x = normal(rng, 2, 2, 6, 8)
    agree(net(x), expected(net.parameters() | net.buffers(), x, 1))


@pytest.mark.points(2)
def test_other_depths(student, rng):
    "The depth decides about the number of poolings."
    for depth, side in ((1, 6), (3, 16), (4, 16)):
        evaluates(student, rng, (side, side), 2, 3, 2, depth)


def test_no_depth(student, rng):
    "With the depth zero the network is one block and the scores."
    evaluates(student, rng, (5, 4), 2, 3, 3, 0)


@pytest.mark.points(2)
def test_one_odd_side(student, rng):
    "Where one number of rows or columns is odd, zeros are added at the end of this axis after enlarging."
    evaluates(student, rng, (9, 8), 2, 3, 3, 1)
    evaluates(student, rng, (8, 9), 2, 3, 3, 1)


@pytest.mark.points(2)
def test_sides_that_are_odd_further_down(student, rng):
    "A number may be even at full size and odd at a level below, and every level adds what it lacks."
    evaluates(student, rng, (14, 20), 2, 2, 2, 3)
    evaluates(student, rng, (31, 15), 2, 2, 2, 3)
    evaluates(student, rng, (10, 23), 2, 2, 2, 3)


def test_the_smallest_image(student, rng):
    "The smallest map may have one row, one column or one pixel."
    evaluates(student, rng, (4, 4), 2, 3, 2, 2)
    evaluates(student, rng, (8, 4), 2, 3, 2, 2)
    evaluates(student, rng, (4, 12), 2, 3, 2, 2)


def test_ones_everywhere(student, rng):
    "One image, one channel, one class or a width of one are still axes of length one."
    evaluates(student, rng, (6, 8), 1, 1, 1, 1, images=1)
    evaluates(student, rng, (6, 6), 1, 3, 1, 1, images=3)


def test_wide_networks(student, rng):
    "There may be many channels and classes, and each of them counts."
    evaluates(student, rng, (4, 4), 100, 150, 16, 1, images=1)


def test_empty_batch(student, rng):
    "In evaluation, a batch of no images gives a batch of no scores."
    net, _ = built(student, rng, 2, 3, 2, 2)
    assert_close(net(torch.zeros(0, 2, 8, 12)), torch.zeros(0, 3, 8, 12))


def test_images_that_are_not_contiguous(student, rng):
    "A slice or a transpose should give what its copy gives."
    net, values = built(student, rng, 2, 2, 2, 1)
    for x in (scattered(normal(rng, 2, 2, 6, 8)), normal(rng, 8, 6, 2, 1).permute(3, 2, 1, 0)):
        agree(net(x), expected(values, x, 1))


def test_leaves_the_images_alone(student, rng):
    "The images should be afterwards what they were before, in evaluation and in training."
    for depth in (0, 1):
        net, _ = built(student, rng, 2, 2, 2, depth)
        assert_untouched(net, normal(rng, 2, 2, 6, 8))
        net.train()
        assert_untouched(net, normal(rng, 2, 2, 6, 8))


@pytest.mark.points(2)
def test_training_uses_the_batch(student, rng):
    "In training, every map is normalised with the mean and the variance of its batch."
    net, values = built(student, rng, 2, 3, 3, 2, training=True)
    x = normal(rng, 3, 2, 12, 8)
    agree(net(x), expected(values, x, 2, training=True))


def test_images_of_hardly_any_contrast(student, rng):
    "In training, a normalisation adds a small number to each variance, which counts in faint images and in black ones."
    net, values = built(student, rng, 2, 3, 3, 1, training=True)
    for contrast in (3e-3, 0.0):
        x = contrast * normal(rng, 3, 2, 8, 6)
        agree(net(x), expected(values, x, 1, training=True))


def test_training_moves_the_running_statistics(student, rng):
    "In training, the running statistics move by a tenth of the way to those of the batch."
    for images, side in ((3, 8), (2, 4)):
        net, values = built(student, rng, 2, 3, 2, 1, training=True)
        # Units that are all on: the variance of a map of zeros would need what is added to it, which is another test's.
        on = {name: p + 6 for name, p in values.items() if ".norm" in name and name.endswith("bias")}
        net.load(on)
        values |= on
        x = normal(rng, images, 2, side, side)
        net(x)
        expected(values, x, 1, training=True)  # moves those of ``values``
        got = net.buffers()
        for name, value in values.items():
            if "running" in name:
                assert_close(got[name], value, 1e-3, 1e-4)


def test_evaluation_changes_nothing(student, rng):
    "In evaluation, the running statistics stay as they are, and a second look gives the same scores."
    net, values = built(student, rng, 2, 3, 2, 1)
    x = normal(rng, 2, 2, 6, 6)
    first, after = net(x), net.buffers()
    assert_close(net(x), first)
    statistics = {name: value for name, value in values.items() if name in after}
    assert_close({name: after[name] for name in statistics}, statistics)


def test_an_image_by_itself(student, rng):
    "In evaluation, an image has the same scores by itself as in a batch."
    net, values = built(student, rng, 2, 3, 2, 2)
    x = normal(rng, 3, 2, 8, 12)
    wanted = expected(values, x, 2)
    for i in range(3):
        agree(net(x[i : i + 1]), wanted[i : i + 1])


def test_from_training_to_evaluation(student, rng):
    "After training, evaluation uses the statistics that have been gathered, and training can begin again."
    net, values = built(student, rng, 2, 2, 2, 1, training=True)
    x = normal(rng, 4, 2, 6, 6)
    net(x)
    expected(values, x, 1, training=True)
    net.eval()
    agree(net(x), expected(values, x, 1))
    net.train()
    agree(net(x), expected(values, x, 1, training=True))


def near(got, wanted):
    """Whether two gradients are the same but for single units whose ReLU another rounding has switched."""
    return float((got - wanted).norm()) <= 0.05 * float(wanted.norm()) + 1e-4


@pytest.mark.points(2)
def test_every_parameter_learns(student, rng):
    "Once values are right, every parameter has the gradient that the layers imply: nothing cuts it off."
    net, values = built(student, rng, 2, 3, 2, 2, training=True)
    x, upstream = normal(rng, 3, 2, 12, 8), normal(rng, 3, 3, 12, 8)
    leaves = {name: value.clone().requires_grad_("running" not in name) for name, value in values.items()}
    y = expected(leaves, x, 2, training=True)
    learned = [name for name, leaf in leaves.items() if leaf.requires_grad]
    wanted = dict(zip(learned, torch.autograd.grad(y, [leaves[name] for name in learned], upstream), strict=True))
    got = net.parameter_gradients(x, upstream=upstream)
    for name in learned:
        if got.get(name) is None:
            raise Failure(f"{name} has no gradient")
        if got[name].shape != wanted[name].shape or not near(got[name], wanted[name]):
            raise Failure(f"the gradient of {name} is another one")


def test_what_a_score_sees(student, rng):
    "A score sees the pixels of its receptive field, through the skips and through the deepest level, and no others."
    x, upstream = normal(rng, 1, 2, 60, 56), torch.zeros(1, 2, 60, 56)
    leaf = x.clone().requires_grad_()
    # A score behind units that are all off sees nothing, in a wrong network too: of some scores in the middle, take the
    # one that sees most of what only the deepest levels show it, and of some networks, one that has such a score.
    for _ in range(20):
        values = drawn(rng, 2, 2, 2, 2)
        scores, best = expected(values, leaf, 2)[0, 1], -1.0
        for row, column in [(row, column) for row in (26, 30, 34) for column in (25, 29, 33)]:
            (seen,) = torch.autograd.grad(scores[row, column], leaf, retain_graph=True)
            far = seen.clone()
            far[:, :, row - 5 : row + 6, column - 5 : column + 6] = 0.0
            if float(far.norm()) > best:
                best, place, wanted = float(far.norm()), (row, column), seen
        if best > 0.1:
            break
    net, _ = built(student, rng, 2, 2, 2, 2, values=values)
    net.load({"score.bias": torch.full((2,), 50.0)})  # no gradient depends on it; a score is large then
    upstream[0, 1, *place] = 1.0
    (got,) = net.gradients(x, upstream=upstream)
    if got is None:
        raise Failure("the image has no gradient")
    if got.shape != wanted.shape or not near(got, wanted):
        raise Failure("the gradient of the image is another one")


def test_two_networks_share_nothing(student, rng):
    "Two networks have parameters of their own."
    one, other = student.UNet(2, 3, 2, 1), student.UNet(2, 3, 2, 1)
    before = other.parameters()
    one.load({name: p + 1 for name, p in one.parameters().items()})
    assert_close(other.parameters(), before)
    if not before:
        raise Failure("the network has no parameters")


def test_refuses_images_that_are_too_small(student, rng):
    "An image with fewer rows or columns than the poolings need should raise a ValueError, in training as well."
    for training in (False, True):
        net, _ = built(student, rng, 2, 3, 2, 3, training=training)
        net(normal(rng, 3, 2, 16, 8 + 8 * training))  # so refusing everything does not pass
        for size in ((7, 16), (16, 7), (1, 1), (4, 4)):
            assert_refuses(net, normal(rng, 2, 2, *size))
