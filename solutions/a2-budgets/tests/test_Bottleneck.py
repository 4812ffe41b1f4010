"""What `check("Bottleneck")` tries."""

import torch
import torch.nn.functional as F

from autograder.suite import Failure, assert_close, assert_refuses, assert_untouched, normal


def by_definition(values, x, stride=1, dilation=1):
    """The block in evaluation mode, step by step, from its parameters and running statistics."""

    def activated(part, maps):
        names = ("running_mean", "running_var", "weight", "bias")
        return F.relu(F.batch_norm(maps, *(values[f"{part}.{name}"] for name in names)))

    a = activated("norm1", x)
    b = F.conv2d(
        activated("norm2", F.conv2d(a, values["conv1.weight"])),
        values["conv2.weight"],
        None,
        stride,
        dilation,
        dilation,
    )
    f = F.conv2d(activated("norm3", b), values["conv3.weight"])
    return f + (F.conv2d(a, values["shortcut.weight"], stride=stride) if "shortcut.weight" in values else x)


def settled(student, rng, *numbers, **named):
    """A block in evaluation mode, with drawn weights and shifts, and all of its values."""
    net = student.Bottleneck(*numbers, **named)
    net.eval()
    net.load({name: normal(rng, *p.shape) for name, p in net.parameters().items()})
    return net, {**net.parameters(), **net.buffers()}


def test_the_example(student):
    "The example of the text: the parameters of a block, and of one with a stride."
    for numbers, count in (((8, 2), 92), ((8, 2, 2), 156)):
        found = sum(p.numel() for p in student.Bottleneck(*numbers).parameters().values())
        if found != count:
            raise Failure(f"it has {found} parameters instead of {count}")


def test_a_block_whose_shape_stays(student, rng):
    "What the block returns is what its parameters imply, and the input is added."
    net, values = settled(student, rng, 28, 7)
    x = normal(rng, 2, 28, 4, 7)
    assert_close(net(x), by_definition(values, x), rtol=1e-3, atol=1e-3)


def test_a_block_whose_channels_change(student, rng):
    "Where the channels change, the shortcut is a convolution of the activated input."
    net, values = settled(student, rng, 5, 3)
    x = normal(rng, 2, 5, 4, 7)
    assert_close(net(x), by_definition(values, x), rtol=1e-3, atol=1e-3)


def test_a_strided_and_dilated_block(student, rng):
    "The 3×3 convolution has stride, dilation and the padding that leaves ⌈H/s⌉ rows; the shortcut has the stride."
    net, values = settled(student, rng, 8, 2, stride=2, dilation=2)
    x = normal(rng, 2, 8, 7, 10)
    assert_close(net(x), by_definition(values, x, 2, 2), rtol=1e-3, atol=1e-3)


def test_a_new_block_changes_nothing(student, rng):
    "A new block returns its input: conv3 starts at 0."
    x = normal(rng, 2, 4, 3, 5)
    assert_close(student.Bottleneck(4, 1)(x), x)


def test_training_by_example(student, rng):
    "In training mode the normalisations use the batch, so that an image's result depends on the others."
    net, values = settled(student, rng, 5, 2)
    net.load({name: torch.ones_like(v) for name, v in values.items() if name.startswith("norm")})  # no ReLU gives 0
    net.train()
    x = normal(rng, 3, 5, 6, 6)
    if torch.allclose(net(x)[:1], net(x[:1])):
        raise Failure("one image alone gets what it gets among others")


def test_every_parameter_learns(student, rng):
    "The gradient reaches every parameter."
    net, _ = settled(student, rng, 5, 2)
    x = normal(rng, 2, 5, 4, 4)
    for name, gradient in net.parameter_gradients(x, upstream=net(x)).items():
        if gradient is None:
            raise Failure(f"{name} gets no gradient")


def test_leaves_its_input_alone_by_example(student, rng):
    "The input should be afterwards what it was before."
    net, _ = settled(student, rng, 5, 2)
    assert_untouched(net, normal(rng, 1, 5, 3, 3))


def test_refuses_nonsense(student):
    "A number below 1 is a ValueError."
    student.Bottleneck(4, 1)  # so refusing everything does not pass
    for numbers in ((4, 0), (4, 1, -1)):
        assert_refuses(student.Bottleneck, *numbers)
