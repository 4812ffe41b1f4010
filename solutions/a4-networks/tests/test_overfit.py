"""What `check("overfit")` tries."""

import math

import torch

from autograder.suite import Failure, assert_close, assert_refuses, assert_untouched, integers, normal


def batch(rng, classes, images, height, width):
    """Images in which every class has a colour, the class of every pixel, and the labels of some of them."""
    coarse = images, -(-height // 8), -(-width // 8)
    order = torch.randperm(math.prod(coarse), generator=rng) % classes
    truth = order.view(coarse).repeat_interleave(8, 1).repeat_interleave(8, 2)[:, :height, :width].clone()
    truth[0, 0, :classes] = torch.arange(classes)
    colours = torch.tensor([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, 1, 1]])
    pixels = colours[truth].permute(0, 3, 1, 2) + 0.1 * normal(rng, images, 3, height, width)
    labels = torch.where(integers(rng, 0, 10, images, height, width) < 4, truth, 255)
    labels[0, 0, :classes] = truth[0, 0, :classes]
    return pixels, labels, truth


def parts(got):
    """The network and the losses that came back."""
    if not isinstance(got, tuple) or len(got) != 2 or not callable(got[0]) or not isinstance(got[1], list):
        raise Failure("it should return the network and a list of losses")
    return got


def share(net, images, truth, where):
    """The share of the pixels in ``where`` whose class has the largest score."""
    scores = net(images)
    if not isinstance(scores, torch.Tensor) or scores.shape[2:] != images.shape[2:] or len(scores) != len(images):
        raise Failure("the scores do not have the size of the images")
    return float((scores.argmax(1) == truth)[where].double().mean())


def test_it_learns_by_example(student, rng):
    "After all steps, labelled pixels have the right class, and void pixels that of what they show."
    images, labels, truth = batch(rng, 3, 2, 20, 20)
    net, losses = parts(student.overfit(images, labels, 3))
    known, void = (share(net, images, truth, where) for where in (labels != 255, labels == 255))
    if known < 0.95 or void < 0.55:
        raise Failure(f"{known:.0%} of the labelled and {void:.0%} of the void pixels have the right class")
    if not losses[-1] < losses[0] / 3:
        raise Failure("the loss has not fallen")


def test_the_losses_by_example(student, rng):
    "There is one loss for each step, and the first one is about that of guessing."
    images, labels, _ = batch(rng, 4, 2, 17, 16)
    _, losses = parts(student.overfit(images, labels, 4, 2))
    if len(losses) != 2 or not all(isinstance(loss, float) for loss in losses):
        raise Failure("it should return a list with a float for each step")
    if not losses[0] > math.log(4) * 2 / 3:
        raise Failure("the first loss is smaller than an untrained network's can be")


def test_it_comes_back_in_evaluation(student, rng):
    "An image has the same scores by itself as in the batch."
    images, labels, _ = batch(rng, 2, 3, 16, 16)
    net, _ = parts(student.overfit(images, labels, 2, 3))
    assert_close(net(images[:1]), net(images)[:1], 1e-3, 1e-4)


def test_leaves_the_batch_alone(student, rng):
    "Images and labels should be afterwards what they were before."
    images, labels, _ = batch(rng, 2, 1, 16, 19)
    assert_untouched(student.overfit, images, labels, 2, 2)


def test_refuses_what_cannot_be_learnt(student, rng):
    "A batch that is wholly void and labels of another shape should raise a ValueError."
    images, labels, _ = batch(rng, 2, 2, 16, 18)
    student.overfit(images, labels, 2, 1)  # so refusing everything does not pass
    assert_refuses(student.overfit, images, torch.full_like(labels, 255), 2, 1)
    assert_refuses(student.overfit, images, labels[:, :, :17], 2, 1)
