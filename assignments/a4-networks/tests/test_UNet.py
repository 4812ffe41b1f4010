"""What `check("UNet")` tries."""

import torch
import torch.nn.functional as F

from autograder.suite import Failure, Mismatch, assert_close, assert_refuses, normal


def names(depth):
    """The names of all parameters."""
    found = {"score.weight", "score.bias"}
    for level in range(depth + 1):
        for way in ("down", "up") if level < depth else ("down",):
            for number in (1, 2):
                layer = f"{way}.{level}.{{}}{number}.{{}}"
                found |= {layer.format("conv", "weight"), layer.format("norm", "weight"), layer.format("norm", "bias")}
        if level < depth:
            found |= {f"up.{level}.enlarge.weight", f"up.{level}.enlarge.bias"}
    return found


def test_names_of_the_parameters(student):
    "The parameters have the names of the text, and there are no others."
    got, wanted = set(student.UNet(2, 4, 3, 1).parameters()), names(1)
    if got != wanted:
        raise Mismatch("the names of the parameters differ", sorted(got - wanted), sorted(wanted - got))


def test_the_number_by_example(student):
    "The example of the text: its parameters are counted there."
    assert_close(sum(p.numel() for p in student.UNet(1, 2, 2, 1).parameters().values()), 450)


def test_the_size_by_example(student, rng):
    "The scores have the size of the image, also if it is odd."
    net = student.UNet(2, 5, 2, 2)
    net.eval()
    for size in ((8, 12), (9, 10), (7, 5)):
        got = net(normal(rng, 2, 2, *size))
        if not isinstance(got, torch.Tensor):
            raise Failure("the network does not return a tensor")
        assert_close(tuple(got.shape), (2, 5, *size))


def block(values, x, layer, training):
    for i in (1, 2):
        x = F.conv2d(x, values[f"{layer}.conv{i}.weight"], padding=1)
        norm = f"{layer}.norm{i}."
        running = values[norm + "running_mean"].clone(), values[norm + "running_var"].clone()
        x = F.relu(F.batch_norm(x, *running, values[norm + "weight"], values[norm + "bias"], training))
    return x


def two_levels(values, x, training=False):
    """What a network of depth 1 gives for an image of 4 × 4 or 5 × 4 pixels."""
    skip = block(values, x, "down.0", training)
    x = block(values, F.max_pool2d(skip, 2), "down.1", training)
    x = F.conv_transpose2d(x, values["up.0.enlarge.weight"], values["up.0.enlarge.bias"], stride=2)
    x = torch.cat([skip, F.pad(x, (0, 0, 0, skip.shape[2] - x.shape[2]))], 1)
    return F.conv2d(block(values, x, "up.0", training), values["score.weight"], values["score.bias"])


def drawn(student, rng, depth):
    """A network of one channel and three classes in evaluation, with other parameters than those it began with."""
    net = student.UNet(1, 3, 2, depth)
    net.load({name: normal(rng, *p.shape) for name, p in net.parameters().items()})
    net.eval()
    return net


def test_one_block_and_the_scores(student, rng):
    "At depth 0 the network is one block and the scores: convolution, normalisation and ReLU, twice, and a convolution."
    net, x = drawn(student, rng, 0), normal(rng, 2, 1, 3, 4)
    values = net.parameters() | net.buffers()
    wanted = F.conv2d(block(values, x, "down.0", False), values["score.weight"], values["score.bias"])
    assert_close(net(x), wanted, 1e-3, 1e-4)


def test_two_levels_without_a_missing_row(student, rng):
    "With even sizes no zeros are added: the way down and up, and which map comes first where two are concatenated."
    net, x = drawn(student, rng, 1), normal(rng, 2, 1, 4, 4)
    values = net.parameters() | net.buffers()
    assert_close(net(x), two_levels(values, x), 1e-3, 1e-4)


def test_the_example_in_evaluation(student, rng):
    "The example of the text, with a row of zeros: the scores are those that parameters and running statistics imply."
    net, x = drawn(student, rng, 1), normal(rng, 2, 1, 5, 4)
    values = net.parameters() | net.buffers()
    assert_close(net(x), two_levels(values, x), 1e-3, 1e-4)


def test_the_example_in_training(student, rng):
    "In training, the statistics are those of the batch."
    net = student.UNet(1, 2, 3, 1)
    net.train()
    x = normal(rng, 3, 1, 5, 4)
    values = net.parameters() | net.buffers()
    assert_close(net(x), two_levels(values, x, training=True), 1e-3, 1e-4)


def test_everything_learns(student, rng):
    "Every parameter has a gradient."
    net = student.UNet(4, 3, 2, 2)
    net.train()
    x = normal(rng, 2, 4, 9, 8)
    found = net.parameter_gradients(x, upstream=normal(rng, 2, 3, 9, 8))
    without = [name for name, gradient in found.items() if gradient is None]
    if without or not found:
        raise Failure(f"these parameters have no gradient: {', '.join(without) or 'there are none'}")


def test_refuses_small_images(student):
    "An image with fewer rows or columns than the poolings need should raise a ValueError."
    net = student.UNet(1, 2, 1, 2)
    net.eval()
    net(torch.zeros(1, 1, 4, 4))  # so refusing everything does not pass
    assert_refuses(net, torch.zeros(1, 1, 3, 8))
