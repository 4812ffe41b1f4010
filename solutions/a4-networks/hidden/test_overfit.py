"""Hidden suite: a network is trained where the student's code runs, and scored here, with truth that was not given."""

import math

import pytest
import torch

from autograder.suite import Failure, assert_close, assert_refuses, assert_untouched, integers, normal, scattered

VOID = 255


def batch(rng, classes, images, height, width, channels=3):
    """Images in which every class has a colour, the class of every pixel, and the labels of two pixels in five."""
    coarse = images, -(-height // 10), -(-width // 10)
    # As many patches of each class as of any other, in an order that is drawn.
    order = torch.randperm(math.prod(coarse), generator=rng) % classes
    truth = order.view(coarse).repeat_interleave(10, 1).repeat_interleave(10, 2)[:, :height, :width].clone()
    truth[:, 0, : 2 * classes] = torch.arange(classes).repeat(2)
    # The corners of a cube, or steps of grey, so that colours are several times as far apart as the noise is wide.
    if channels == 1:
        colours = torch.linspace(-2, 2, classes)[:, None]
    else:
        corners = torch.tensor([[-1.0, 1, -1], [1, -1, 1], [-1, -1, 1], [1, 1, -1], [1, 1, 1], [-1, -1, -1]])
        colours = torch.cat([corners, corners], 1)[:classes, :channels]
    pixels = colours[truth].permute(0, 3, 1, 2) + 0.1 * normal(rng, images, channels, height, width)
    labels = torch.where(integers(rng, 0, 5, images, height, width) < 2, truth, VOID)
    labels[:, 0, : 2 * classes] = truth[:, 0, : 2 * classes]
    return pixels, labels, truth


def trained(student, *args):
    """The network and the losses that came back."""
    got = student.overfit(*args)
    if not isinstance(got, list | tuple) or len(got) != 2 or not callable(got[0]):
        raise Failure("it should return the network and a list of losses")
    return got


def classified(net, images, classes):
    scores = net(images)
    wanted = (len(images), classes, *images.shape[2:])
    if not isinstance(scores, torch.Tensor) or tuple(scores.shape) != wanted:
        raise Failure("the scores should have one channel for each class and the size of the images")
    return scores.argmax(1)


def learns(student, images, labels, truth, classes):
    """Train, and look at all pixels of the images that have labels, of which most were void."""
    net, _ = trained(student, images, labels, classes)
    right = classified(net, images, classes) == truth
    labelled = (labels != VOID).any(2).any(1)
    right, labels = right[labelled], labels[labelled]
    known, void = (float(right[where].double().mean()) for where in (labels != VOID, labels == VOID))
    if known < 0.95:
        raise Failure("too few of the pixels with a class are right after training")
    if void < 0.55:
        raise Failure("too few of the void pixels have the class of what they show")


def runs(student, images, labels, classes):
    """Train for a moment, and look at the shape of the scores and at whether the losses are numbers."""
    net, losses = trained(student, images, labels, classes, 2)
    classified(net, images, classes)
    if not isinstance(losses, list) or not all(math.isfinite(loss) for loss in losses):
        raise Failure("a loss is infinite or NaN")


@pytest.mark.points(4)
def test_it_learns_the_batch(student, rng):
    "After all steps the network is right on the labelled pixels, and on void ones, whose class it was never told."
    images, labels, truth = batch(rng, 4, 2, 20, 20)
    learns(student, images, labels, truth, 4)


@pytest.mark.points(2)
def test_the_loss_falls(student, rng):
    "The last loss is a small part of the first one, so that every step has to change the network for the better."
    images, labels, _ = batch(rng, 3, 2, 20, 18)
    _, losses = trained(student, images, labels, 3)
    if not isinstance(losses, list) or not losses or not float(losses[-1]) < float(losses[0]) / 3:
        raise Failure("the loss has not fallen enough")


@pytest.mark.points(2)
def test_void_does_not_count(student, rng):
    "An untrained network guesses, and the mean over the labelled pixels says so; void pixels do not make it smaller."
    images, labels, _ = batch(rng, 5, 2, 18, 20)
    _, losses = trained(student, images, labels, 5, 1)
    if not isinstance(losses, list) or not losses or not float(losses[0]) > math.log(5) * 2 / 3:
        raise Failure("the first loss is smaller than an untrained network's can be")


def test_the_loss_is_a_mean(student, rng):
    "The loss is a mean over the labelled pixels and no sum: more pixels do not make an untrained network's larger."
    images, labels, _ = batch(rng, 4, 2, 18, 18)
    _, losses = trained(student, images, labels, 4, 1)
    if not isinstance(losses, list) or not losses or not float(losses[0]) < math.log(4) * 20:
        raise Failure("the first loss is many times as large as that of a guess")


@pytest.mark.points(2)
def test_one_loss_for_each_step(student, rng):
    "The losses are a list of numbers, one for each of the steps, however many these are."
    images, labels, _ = batch(rng, 2, 1, 16, 18)
    for steps in (1, 4, 7):
        _, losses = trained(student, images, labels, 2, steps)
        if not isinstance(losses, list) or len(losses) != steps or not all(type(loss) is float for loss in losses):
            raise Failure("it should be a list with a float for each step")
        if not all(math.isfinite(loss) for loss in losses):
            raise Failure("a loss is infinite or NaN")


def test_the_default_steps(student, rng):
    "Without a number of steps there are as many as the text says."
    images, labels, _ = batch(rng, 2, 1, 16, 16)
    _, losses = trained(student, images, labels, 2)
    assert_close(len(losses) if isinstance(losses, list) else 0, 100)


@pytest.mark.points(2)
def test_it_returns_in_evaluation(student, rng):
    "The network that comes back is in evaluation: an image by itself has the scores that it has in the batch."
    images, labels, _ = batch(rng, 3, 3, 16, 17)
    net, _ = trained(student, images, labels, 3, 3)
    together, before = net(images), net.buffers()
    for i in range(3):
        assert_close(net(images[i : i + 1]), together[i : i + 1], 1e-3, 1e-4)
    assert_close(net.buffers(), before)


def test_every_network_is_its_own(student, rng):
    "Two calls build two networks, and to train the second one leaves the first one as it was."
    images, labels, _ = batch(rng, 2, 1, 16, 18)
    first, _ = trained(student, images, labels, 2, 2)
    scores = first(images)
    trained(student, images, labels, 2, 2)
    assert_close(first(images), scores)


def test_one_image(student, rng):
    "A batch may be a single image, or several."
    runs(student, *batch(rng, 3, 1, 20, 20)[:2], 3)
    runs(student, *batch(rng, 3, 3, 16, 20)[:2], 3)


def test_other_channels(student, rng):
    "Images may have one channel, or more than three."
    runs(student, *batch(rng, 3, 2, 20, 20, channels=1)[:2], 3)
    runs(student, *batch(rng, 3, 2, 16, 16, channels=5)[:2], 3)


def test_odd_sizes(student, rng):
    "Sizes may be odd and unlike."
    runs(student, *batch(rng, 3, 1, 17, 31)[:2], 3)
    runs(student, *batch(rng, 3, 2, 21, 19)[:2], 3)


def test_two_classes_or_many(student, rng):
    "There are as many scores as classes, two or many, also for classes that do not occur."
    runs(student, *batch(rng, 2, 2, 16, 18)[:2], 2)
    runs(student, *batch(rng, 3, 2, 16, 16)[:2], 9)


@pytest.mark.points(2)
def test_an_image_that_is_void(student, rng):
    "An image without a labelled pixel takes no part in the loss, and the others are learnt as well as without it."
    images, labels, truth = batch(rng, 3, 3, 20, 30)  # no class can have most pixels of two of the images
    labels[1] = VOID
    runs(student, images, labels, 3)
    learns(student, images, labels, truth, 3)


def test_batches_that_are_not_contiguous(student, rng):
    "Images and labels may be slices of larger tensors."
    images, labels, _ = batch(rng, 2, 2, 17, 16)
    runs(student, scattered(images), scattered(labels), 2)


def test_leaves_its_inputs_alone(student, rng):
    "Images and labels should be afterwards what they were before, the void ones among them."
    images, labels, _ = batch(rng, 3, 2, 16, 18)
    assert_untouched(student.overfit, images, labels, 3, 2)


def test_refuses_a_batch_that_is_void(student, rng):
    "A batch in which no pixel has a class should raise a ValueError."
    images, labels, _ = batch(rng, 2, 2, 16, 17)
    student.overfit(images, labels, 2, 1)  # so refusing everything does not pass
    assert_refuses(student.overfit, images, torch.full_like(labels, VOID), 2, 1)
    assert_refuses(student.overfit, images[:1], torch.full_like(labels[:1], VOID), 2, 1)


def test_refuses_labels_of_another_shape(student, rng):
    "Labels that are not one for each pixel should raise a ValueError."
    images, labels, _ = batch(rng, 2, 2, 16, 18)
    student.overfit(images, labels, 2, 1)  # so refusing everything does not pass
    for other in (labels[:1], labels[:, :9], labels[:, :, :17], labels.transpose(1, 2), labels[:, None], labels[0]):
        assert_refuses(student.overfit, images, other, 2, 1)
