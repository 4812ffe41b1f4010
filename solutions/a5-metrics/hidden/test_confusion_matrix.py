"""Hidden suite: the confusion matrix, against a product of one-hot maps in float64."""

import pytest
import torch
import torch.nn.functional as F

from autograder.suite import (
    Failure,
    assert_close,
    assert_refuses,
    assert_right_when_large,
    assert_untouched,
    integers,
    loop_free,
    scattered,
)


def expected(prediction, truth, classes, ignore=None):
    prediction, truth = prediction.long().reshape(-1), truth.long().reshape(-1)
    if ignore is not None:
        prediction, truth = prediction[truth != ignore], truth[truth != ignore]
    rows, columns = (F.one_hot(labels, classes).double() for labels in (truth, prediction))
    return (rows.T @ columns).long()


def maps(rng, classes, *shape, dtype=torch.int64, low=0):
    """A prediction and a truth; a pixel of the last class in both, so that no draw leaves this class out."""
    drawn = tuple(integers(rng, low, classes, *shape, dtype=dtype) for _ in range(2))
    for labels in drawn:
        labels.view(-1)[-1:] = classes - 1
    return drawn


def compare(student, *args, **parameters):
    assert_close(student.confusion_matrix(*args, **parameters), expected(*args, **parameters))


@pytest.mark.points(2)
def test_rows_are_the_truth(student, rng):
    "The true class chooses the row and the predicted class the column."
    compare(student, *maps(rng, 5, 2, 9, 8), 5)
    truth = torch.zeros(1, 4, 5, dtype=torch.int64)
    compare(student, truth + 2, truth, 3)


@pytest.mark.points(2)
def test_classes_that_do_not_occur(student, rng):
    "The matrix has a row and a column for every class, also for those that neither map contains."
    compare(student, *maps(rng, 3, 1, 6, 7), 8)
    compare(student, *maps(rng, 8, 1, 4, 4, low=6), 9)
    compare(student, *maps(rng, 1, 2, 3, 3), 1)


@pytest.mark.points(2)
def test_ignored_pixels_do_not_count(student, rng):
    "A pixel whose truth is `ignore` counts in no row and no column."
    for ignore in (255, 4, -1):
        prediction, truth = maps(rng, 4, 2, 7, 6)
        truth[:, 2:4, 1:5] = ignore
        compare(student, prediction, truth, 4, ignore)
    compare(student, prediction, truth, 4, ignore=-1)
    prediction, truth = maps(rng, 1, 2, 3, 5)
    truth[1, 1:, 2:4] = 255
    compare(student, prediction, truth, 1, 255)


@pytest.mark.points(2)
def test_a_class_may_be_ignored(student, rng):
    "One of the classes may be ignored, the first among them; as a prediction it counts, where the truth is another."
    for ignore in (0, 2):
        compare(student, *maps(rng, 4, 2, 7, 6), 4, ignore=ignore)


def test_predictions_at_ignored_pixels(student, rng):
    "Where the truth is ignored the prediction may hold any label, also one that is no class."
    for label in (255, -1, 10**9):
        prediction, truth = maps(rng, 4, 2, 7, 6)
        truth[0, :3], prediction[0, :3] = 7, label
        compare(student, prediction, truth, 4, ignore=7)


def test_nothing_is_ignored_unless_asked(student, rng):
    "Without `ignore` every pixel counts, whatever its label is."
    compare(student, *maps(rng, 256, 1, 40, 40, low=250), 256)


@pytest.mark.points(2)
def test_labels_of_few_bits(student, rng):
    "The number of a pair of labels, or of the classes, may not fit into the labels' own dtype: widen the labels first."
    compare(student, *maps(rng, 20, 2, 9, 11, dtype=torch.uint8), 20)
    compare(student, *maps(rng, 12, 2, 9, 11, dtype=torch.int8), 12)
    compare(student, *maps(rng, 200, 2, 9, 11, dtype=torch.int16, low=180), 200)
    compare(student, *maps(rng, 6, 2, 9, 11, dtype=torch.int32), 6)
    compare(student, *maps(rng, 250, 2, 9, 11, dtype=torch.uint8), 310)


def test_unlike_dtypes(student, rng):
    "Prediction and truth may have unlike dtypes, and neither is narrowed to the other's."
    prediction, truth = maps(rng, 250, 3, 8, 9, low=100)
    compare(student, prediction, truth.to(torch.uint8), 250)
    compare(student, prediction.to(torch.uint8), truth, 250)
    compare(student, prediction.to(torch.int16), truth.to(torch.uint8), 250)
    truth[0] = 255
    compare(student, (prediction % 9).to(torch.int8), truth.to(torch.uint8).where(truth == 255, 3), 9, ignore=255)


def test_a_number_that_the_dtype_cannot_hold(student, rng):
    "`ignore` is compared as a number: where the labels' dtype cannot hold it, no pixel is ignored."
    prediction, truth = maps(rng, 256, 1, 9, 9, dtype=torch.uint8, low=250)
    compare(student, prediction, truth, 256, ignore=-1)
    compare(student, prediction % 4, truth % 4, 4, ignore=256 + 2)


def test_any_shape(student, rng):
    "Label maps may have any number of axes, from none up, and any of them may be of length one."
    for shape in ((), (7,), (1, 1, 1), (5, 1), (2, 3, 4, 5)):
        compare(student, *maps(rng, 3, *shape), 3)


def test_no_pixels(student):
    "Without any pixel, or with none that counts, all entries are zero and there are as many as always."
    for shape in ((0, 4, 5), (0,), (2, 0, 3)):
        labels = torch.zeros(shape, dtype=torch.int64)
        assert_close(student.confusion_matrix(labels, labels, 3), torch.zeros(3, 3, dtype=torch.int64))
    void = torch.full((2, 3), 9)
    assert_close(student.confusion_matrix(void, void, 4, ignore=9), torch.zeros(4, 4, dtype=torch.int64))


def test_maps_that_are_not_contiguous(student, rng):
    "Slices, transposes and expanded maps should give what their copies give, however they lie in memory."
    prediction, truth = maps(rng, 4, 2, 6, 7)
    compare(student, scattered(prediction), scattered(truth), 4)
    compare(student, prediction.permute(2, 0, 1), truth.permute(2, 0, 1), 4, ignore=2)
    compare(student, prediction[:1].expand(2, 6, 7), truth, 4)


def test_leaves_its_inputs_alone(student, rng):
    "Both maps should be afterwards what they were before, whether or not a pixel is ignored."
    for dtype in (torch.int64, torch.uint8):
        prediction, truth = maps(rng, 4, 2, 6, 7, dtype=dtype)
        assert_untouched(student.confusion_matrix, prediction, truth, 4)
        truth[0] = 77
        assert_untouched(student.confusion_matrix, prediction, truth, 4, 77)


def test_hundreds_of_classes(student, rng):
    "There may be hundreds of classes, and then there are tens of thousands of pairs."
    compare(student, *maps(rng, 300, 1, 30, 40), 300)


def test_millions_of_pixels(student):
    "Counts should stay exact beyond 2²⁴, and millions of pixels should fit into memory: mind the dtype of the sums."
    truth = torch.ones(4097, 4096, dtype=torch.uint8)
    prediction = truth.clone()
    prediction[0, :3] = 0
    right = truth.numel() - 3
    assert_close(student.confusion_matrix(prediction, truth, 2), torch.tensor([[0, 0], [3, right]]))


@pytest.mark.points(2)
def test_refuses_labels_outside(student, rng):
    "A label below 0 or above K − 1 should raise a ValueError, in either map, also where its pair looks like another."
    prediction, truth = maps(rng, 4, 2, 5, 6)
    student.confusion_matrix(prediction, truth, 4)  # so refusing everything does not pass
    for label in (4, -1, 255, -(10**9), 2**32 + 1):
        for which in range(2):
            outside = [prediction.clone(), truth.clone()]
            outside[which][1, 2, 3], outside[1 - which][1, 2, 3] = label, 2
            assert_refuses(student.confusion_matrix, *outside, 4)


def test_refuses_labels_outside_beside_labels_of_few_bits(student, rng):
    "A label outside the classes is outside also where the other map's dtype is too narrow to hold it."
    prediction, truth = maps(rng, 4, 2, 5, 6)
    student.confusion_matrix(prediction, truth.to(torch.uint8), 4)
    outside = prediction.clone()
    outside[0, 1, 2] = 256 + 3
    assert_refuses(student.confusion_matrix, outside, truth.to(torch.uint8), 4)
    assert_refuses(student.confusion_matrix, truth.to(torch.uint8), outside, 4)


def test_refuses_labels_outside_though_some_are_ignored(student, rng):
    "A label outside the classes that is not the one to ignore should raise a ValueError as always."
    prediction, truth = maps(rng, 4, 2, 5, 6)
    truth[0, 0, 0] = 9
    student.confusion_matrix(prediction, truth, 4, ignore=9)
    for label in (4, 255, -1):
        for which in range(2):
            outside = [prediction.clone(), truth.clone()]
            outside[which][1, 2, 3], outside[1 - which][1, 2, 3] = label, 2
            assert_refuses(student.confusion_matrix, *outside, 4, ignore=9)
    prediction[1, 1, 1] = 9  # where the truth is a class
    assert_refuses(student.confusion_matrix, prediction, truth, 4, ignore=9)


def test_refuses_unlike_shapes(student, rng):
    "Two maps of unlike shapes should raise a ValueError, also where they have as many pixels or could be broadcast."
    prediction, truth = maps(rng, 3, 2, 4, 6)
    student.confusion_matrix(truth, truth, 3)
    for other in (truth[:1], truth[0], truth[:, :3], truth.transpose(1, 2), truth.flatten(), truth[0, 0, 0]):
        assert_refuses(student.confusion_matrix, prediction, other, 3)


def test_refuses_floating_point(student, rng):
    "Labels in a floating-point dtype are no labels, in either map: raise a ValueError."
    prediction, truth = maps(rng, 3, 2, 4, 6)
    student.confusion_matrix(truth, truth, 3)
    for dtype in (torch.float32, torch.float16, torch.float64):
        for maps_given in ((prediction.to(dtype), truth), (prediction, truth.to(dtype))):
            try:
                assert_refuses(student.confusion_matrix, *maps_given, 3)
            except NotImplementedError:  # PyTorch's own, of an operator for integers: no function that is not written
                raise Failure("it should raise ValueError, and it raised another error") from None


@pytest.mark.gate
def test_large_maps(student, rng):
    "What is right for small maps is right for large ones, by the same code: the loops are looked for in these."
    images = [(*maps(rng, 5, 2, 9, 8), 5), (*maps(rng, 23, 3, 31, 30), 23)]
    assert_right_when_large(student.confusion_matrix, expected, images[:1], images[1:])
    single = [(*maps(rng, 5, 12, 11), 5), (*maps(rng, 5, 50, 41), 5)]  # of fewer labels some counts are symmetric
    assert_right_when_large(student.confusion_matrix, expected, single[:1], single[1:])


@pytest.mark.gate
def test_no_loop_over_pixels_or_classes(student, rng):
    "The work should not grow with pixels or classes: look for a loop over one of them, also a hidden one."
    pixels = lambda n: (*maps(rng, 3, n, n, n + 1), 3, 1)  # noqa: E731
    classes = lambda n: (*maps(rng, n, 2, 9, 8), n)  # noqa: E731
    long = [lambda: (*maps(rng, 3, 40_000), 3), lambda: (*maps(rng, 700, 50), 700)]
    loop_free(student.confusion_matrix, pixels, expected, (4, 7, 12), clocked=long)
    loop_free(student.confusion_matrix, classes, expected, (4, 9, 17))
