"""Boxes, anchors, suppression and average precision against their definitions, counted in pixels and exact fractions.

torchvision and torchmetrics judge too, where they run without their compiled parts.
"""

import itertools
import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise import detection
from pixelwise.data.scenes import CLASSES, THINGS, scenes
from pixelwise.detection import BACKGROUND, UNDECIDED

# isort: split
# torchvision can be imported beside a CPU-only torch once pixelwise is.
import torchvision
from torchvision.models.detection._utils import BoxCoder, Matcher

quick = settings(max_examples=60, deadline=None)
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
COMPILED = torchvision.extension._has_ops()


@pytest.fixture(params=DEVICES)
def device(request):
    """The device of the inputs. What makes a tensor on the default device instead makes one without values."""
    with torch.device("meta"):
        yield request.param


@st.composite
def whole_boxes(draw, most=6, least=0):
    """Boxes with whole coordinates from 0 to 6, some of them empty: a list of (x0, y0, x1, y1)."""
    side = st.integers(0, 6)
    box = st.tuples(side, side, side, side).map(lambda b: (min(b[::2]), min(b[1::2]), max(b[::2]), max(b[1::2])))
    return draw(st.lists(box, min_size=least, max_size=most))


def tensor(boxes, dtype=torch.float32, device="cpu"):
    return torch.tensor(boxes, dtype=dtype, device=device).reshape(-1, 4)


def pixels(box):
    return set(itertools.product(range(box[0], box[2]), range(box[1], box[3])))


def exact_iou(box, other):
    union = len(pixels(box) | pixels(other))
    return Fraction(len(pixels(box) & pixels(other)), union) if union else Fraction(0)


def random_boxes(count, generator, low=2.0, high=30.0):
    corner = torch.rand(count, 2, generator=generator) * 60
    return torch.cat((corner, corner + low + (high - low) * torch.rand(count, 2, generator=generator)), 1)


# Boxes --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.int64, torch.float16, torch.float32, torch.float64])
@given(boxes=whole_boxes(), others=whole_boxes())
@quick
def test_areas_and_overlaps_are_counts_of_pixels(boxes, others, dtype):
    one, other = tensor(boxes, dtype), tensor(others, dtype)
    assert detection.area(one).tolist() == [len(pixels(box)) for box in boxes]
    found = detection.pairwise_iou(one, other)
    assert found.shape == (len(boxes), len(others)) and found.dtype == (
        torch.float32 if dtype in (torch.float16, torch.float32) else torch.float64
    )
    wanted = [[float(exact_iou(a, b)) for b in others] for a in boxes]
    torch.testing.assert_close(found.double(), torch.tensor(wanted).double().reshape(found.shape))
    shares = [[len(pixels(a) & pixels(b)) / max(len(pixels(a)), 1) for b in others] for a in boxes]
    found = detection.pairwise_share_inside(one, other)
    torch.testing.assert_close(found.double(), torch.tensor(shares).double().reshape(found.shape))


@given(whole_boxes(), whole_boxes())
@quick
def test_giou_takes_from_iou_the_share_of_the_hull_that_neither_box_covers(boxes, others):
    found = detection.pairwise_giou(tensor(boxes), tensor(others))
    for (i, a), (j, b) in itertools.product(enumerate(boxes), enumerate(others)):
        hull = (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
        uncovered = len(pixels(hull)) - len(pixels(a) | pixels(b))
        wanted = exact_iou(a, b) - Fraction(uncovered, max(len(pixels(hull)), 1))
        assert found[i, j].item() == pytest.approx(float(wanted), abs=1e-6)


def test_overlaps_are_those_of_torchvision():
    generator = torch.Generator().manual_seed(0)
    one, other = random_boxes(40, generator).double(), random_boxes(30, generator).double()
    torch.testing.assert_close(detection.pairwise_iou(one, other), torchvision.ops.box_iou(one, other))
    giou = torchvision.ops.generalized_box_iou(one, other)
    torch.testing.assert_close(detection.pairwise_giou(one, other), giou)
    torch.testing.assert_close(detection.giou(one[:30], other), giou.diagonal())
    torch.testing.assert_close(detection.iou(one[:1], other), torchvision.ops.box_iou(one, other)[0])


def test_giou_draws_boxes_that_do_not_meet_together_and_iou_does_not():
    other = torch.tensor([0.0, 0.0, 10.0, 10.0])
    gradients = {}
    for overlap in (detection.iou, detection.giou):
        box = torch.tensor([20.0, 0.0, 30.0, 10.0], requires_grad=True)
        overlap(box, other).backward()
        gradients[overlap] = box.grad
    assert not gradients[detection.iou].any()
    assert gradients[detection.giou][0] < 0  # its left edge has to move left


def test_a_box_with_its_edges_exchanged_is_empty():
    turned = torch.tensor([[5.0, 5.0, 2.0, 9.0], [5.0, 5.0, 2.0, 2.0]])
    assert detection.area(turned).tolist() == [0, 0]
    assert not detection.pairwise_iou(turned, turned).any()


@given(whole_boxes(least=1))
@quick
def test_other_ways_to_write_boxes_go_back_and_forth(boxes):
    one = tensor(boxes)
    for there, back, name in (
        (detection.to_centres, detection.from_centres, "cxcywh"),
        (detection.to_sizes, detection.from_sizes, "xywh"),
    ):
        torch.testing.assert_close(there(one), torchvision.ops.box_convert(one, "xyxy", name))
        torch.testing.assert_close(back(there(one)), one)


def test_what_is_clipped_keeps_the_pixels_inside_the_image():
    boxes = torch.tensor([[-3.0, 2.0, 4.0, 9.0], [8.0, -5.0, 12.0, -1.0], [1.0, 1.0, 2.0, 2.0]])
    assert detection.clipped(boxes, (5, 10)).tolist() == [[0, 2, 4, 5], [8, 0, 10, 0], [1, 1, 2, 2]]


# Non-maximum suppression --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5, 1.0])
@given(boxes=whole_boxes(most=12), data=st.data())
@quick
def test_suppression_is_the_greedy_loop_with_ties_in_the_order_of_the_boxes(boxes, data, threshold):
    scores = [data.draw(st.sampled_from([0.2, 0.5, 0.9])) for _ in boxes]
    groups = [data.draw(st.integers(0, 1)) for _ in boxes]
    for grouped in (False, True):
        kept = []
        for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
            rivals = [k for k in kept if not grouped or groups[k] == groups[i]]
            if all(exact_iou(boxes[i], boxes[k]) <= threshold for k in rivals):
                kept.append(i)
        given_groups = torch.tensor(groups, dtype=torch.long) if grouped else None
        found = detection.nms(tensor(boxes), torch.tensor(scores), threshold, given_groups)
        assert found.dtype == torch.int64 and found.tolist() == kept
        assert detection.nms(tensor(boxes), torch.tensor(scores), threshold, given_groups, 2).tolist() == kept[:2]


def test_a_long_chain_of_boxes_is_suppressed_one_after_the_other():
    left = torch.arange(60.0)  # each box overlaps its neighbours by 0.6, those after them by a third
    boxes = torch.stack((left, 0 * left, left + 4, 0 * left + 1), 1)
    assert detection.nms(boxes, -left, 0.5).tolist() == list(range(0, 60, 2))
    assert detection.nms(boxes, -left, 0.3).tolist() == list(range(0, 60, 3))


@pytest.mark.skipif(not COMPILED, reason="torchvision's suppression is compiled, and did not load beside this torch")
def test_suppression_is_that_of_torchvision():
    generator = torch.Generator().manual_seed(0)
    boxes, scores = random_boxes(300, generator), torch.rand(300, generator=generator)
    groups = torch.randint(4, (300,), generator=generator)
    assert torch.equal(detection.nms(boxes, scores, 0.4), torchvision.ops.nms(boxes, scores, 0.4))
    ours = detection.nms(boxes, scores, 0.4, groups)
    assert torch.equal(ours, torchvision.ops.batched_nms(boxes, scores, groups, 0.4))


# The boxes of things in a label map ---------------------------------------------------------------------------------


@given(st.integers(0, 3), st.integers(1, 7), st.integers(1, 6), st.integers(0, 2**32), st.integers(0, 4))
@quick
def test_the_box_of_an_object_is_the_smallest_one_around_its_pixels(count, height, width, seed, least):
    generator = torch.Generator().manual_seed(seed)
    instances = torch.randint(4, (count, height, width), generator=generator) * 3
    labels = (instances % 4) + 1
    found = detection.objects_in(instances, labels, least)
    assert len(found) == count
    for image, truth in zip(instances.tolist(), found, strict=True):
        at = {(i, j): number for i, row in enumerate(image) for j, number in enumerate(row) if number}
        numbers = sorted(set(at.values()))
        places = [[place for place, of in at.items() if of == number] for number in numbers]
        rows, columns = [[i for i, _ in each] for each in places], [[j for _, j in each] for each in places]
        edges = zip(columns, rows, strict=True)
        assert truth.boxes.tolist() == [[min(j), min(i), max(j) + 1, max(i) + 1] for j, i in edges]
        assert truth.classes.tolist() == [number % 4 + 1 for number in numbers]
        assert truth.ignored.tolist() == [len(each) < least for each in places]
        assert not truth.crowd.any()


def test_an_object_that_is_hidden_cut_off_or_one_pixel_has_the_box_of_what_is_seen(device):
    instances = torch.zeros(2, 6, 8, dtype=torch.long, device=device)
    instances[0, 2:5, 0:7] = 1  # cut off by the left border
    instances[0, 1:6, 2:4] = 2  # divides the first in two, and touches the lower border
    instances[0, 0, 7] = 4  # one pixel in a corner; of the third nothing is seen
    one, none = detection.objects_in(instances, instances + 10, least=2)
    assert one.boxes.tolist() == [[0, 2, 7, 5], [2, 1, 4, 6], [7, 0, 8, 1]]
    assert one.classes.tolist() == [11, 12, 14] and one.ignored.tolist() == [False, False, True]
    assert one.boxes.device.type == device and len(none) == 0 and none.boxes.shape == (0, 4)


def test_the_boxes_of_the_scenes_hold_all_their_things():
    data = scenes(12, size=64, seed=5)
    things = [CLASSES.index(name) for name in THINGS]
    for instances, labels, truth in zip(
        data.instances, data.labels, detection.objects_in(data.instances, data.labels), strict=True
    ):
        numbers = [number for number in instances.unique().tolist() if number]
        assert len(numbers) == len(truth) and set(truth.classes.tolist()) <= set(things)
        for number, box, kind in zip(numbers, truth.boxes.int().tolist(), truth.classes, strict=True):
            mask = instances == number
            window = mask[box[1] : box[3], box[0] : box[2]]
            assert window.sum() == mask.sum() and (labels[mask] == kind).all()
            assert all(edge.any() for edge in (window[0], window[-1], window[:, 0], window[:, -1]))


# Anchors ------------------------------------------------------------------------------------------------------------


def test_anchors_have_the_areas_ratios_and_centres_asked_for(device):
    with torch.device("cpu"):
        shapes = detection.anchor_shapes((16, 40), (0.5, 1, 2)).to(device)
    assert shapes.prod(1).tolist() == pytest.approx([256] * 3 + [1600] * 3)
    assert (shapes[:, 1] / shapes[:, 0]).tolist() == pytest.approx([0.5, 1, 2] * 2)
    anchors = detection.grid_anchors(shapes, (3, 5), stride=8)
    assert anchors.shape == (3, 5, 6, 4) and anchors.device.type == device
    for i, j, a in itertools.product(range(3), range(5), range(6)):
        w, h = shapes[a].tolist()
        x, y = (j + 0.5) * 8, (i + 0.5) * 8
        assert anchors[i, j, a].tolist() == pytest.approx([x - w / 2, y - h / 2, x + w / 2, y + h / 2], abs=1e-4)


def test_encoding_is_that_of_faster_r_cnn_and_decoding_its_inverse():
    generator = torch.Generator().manual_seed(1)
    boxes, anchors = random_boxes(50, generator).double(), random_boxes(50, generator).double()
    codes = detection.encode(boxes, anchors)
    coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
    torch.testing.assert_close(codes, coder.encode_single(boxes, anchors))
    torch.testing.assert_close(detection.decode(codes, anchors), boxes)
    wild = 5 * torch.randn(50, 4, generator=generator).double()
    torch.testing.assert_close(detection.decode(wild, anchors), coder.decode_single(wild, anchors))
    x, y, w, h = 11.0, 7.0, 6.0, 2.0  # by hand, against an anchor of 4×8 around (10, 5)
    by_hand = detection.encode(torch.tensor([x - 3, y - 1, x + 3, y + 1]), torch.tensor([8.0, 1.0, 12.0, 9.0]))
    assert by_hand.tolist() == pytest.approx([(x - 10) / 4, (y - 5) / 8, math.log(w / 4), math.log(h / 8)])


def test_a_code_stays_when_everything_is_enlarged_and_a_flat_box_comes_back():
    generator = torch.Generator().manual_seed(2)
    boxes, anchors = random_boxes(9, generator), random_boxes(9, generator)
    torch.testing.assert_close(detection.encode(3 * boxes, 3 * anchors), detection.encode(boxes, anchors))
    flat = torch.tensor([[4.0, 6.0, 4.0, 9.0]])
    torch.testing.assert_close(detection.decode(detection.encode(flat, anchors[:1]), anchors[:1]), flat)
    assert detection.decode(torch.full((1, 4), 1e4), anchors[:1]).isfinite().all()


@given(whole_boxes(most=8), whole_boxes(most=4), st.booleans(), st.data())
@quick
def test_anchors_are_assigned_by_the_rules_of_faster_r_cnn(anchors, objects, every, data):
    low, high = Fraction(1, 4), Fraction(1, 2)
    ignored = [data.draw(st.booleans()) for _ in objects]
    wanted, counted = [], [m for m in range(len(objects)) if not ignored[m]]
    for anchor in anchors:
        best = max((exact_iou(anchor, objects[m]) for m in counted), default=Fraction(0))
        surpassed_by_none = any(
            0 < exact_iou(anchor, objects[m]) == max(exact_iou(other, objects[m]) for other in anchors) for m in counted
        )
        near_ignored = any(gone and exact_iou(anchor, o) >= low for o, gone in zip(objects, ignored, strict=True))
        if best >= high or (every and surpassed_by_none):
            wanted.append(next(m for m in counted if exact_iou(anchor, objects[m]) == best))
        else:
            wanted.append(UNDECIDED if best >= low or near_ignored else BACKGROUND)
    gone = torch.tensor(ignored, dtype=torch.bool)
    found = detection.assign(tensor(anchors), tensor(objects), float(high), float(low), every, gone)
    assert found.dtype == torch.int64 and found.tolist() == wanted


def test_an_anchor_at_a_threshold_is_above_it_and_one_that_meets_no_object_finds_none():
    anchors = torch.tensor([[0.0, 0.0, 4.0, 2.0], [0.0, 0.0, 4.0, 1.0], [9.0, 9.0, 10.0, 10.0]])
    objects = torch.tensor([[0.0, 0.0, 4.0, 4.0]])  # IoU 1/2, 1/4 and 0
    assert detection.assign(anchors, objects, 0.5, 0.25, every_object=False).tolist() == [0, UNDECIDED, BACKGROUND]
    assert detection.assign(anchors, objects, 0.0, 0.0, every_object=False).tolist() == [0, 0, BACKGROUND]
    assert detection.assign(anchors, objects[:0]).tolist() == [BACKGROUND] * 3


def test_anchors_are_assigned_as_by_torchvision():
    generator = torch.Generator().manual_seed(3)
    anchors = detection.grid_anchors(detection.anchor_shapes((12, 24)), (9, 9), 10).flatten(0, 2)
    objects = random_boxes(12, generator, low=6)
    theirs = Matcher(0.5, 0.3, allow_low_quality_matches=True)(torchvision.ops.box_iou(objects, anchors))
    assert torch.equal(detection.assign(anchors, objects, 0.5, 0.3), theirs)


@given(whole_boxes(most=5), st.sampled_from([0, 0.5, 1, 1.5]), st.booleans(), st.data())
@quick
def test_cells_get_the_object_in_whose_middle_they_lie(boxes, radius, inside, data):
    stride, grid = 2, (3, 2)  # the boxes reach beyond the right border of the grid
    present = [data.draw(st.booleans()) for _ in boxes]

    def rank(m, i, j):
        """How strong the claim of an object on a cell is, less is stronger; None without one."""
        x0, y0, x1, y1 = boxes[m]
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        if (min(int(y / stride), grid[0] - 1), min(int(x / stride), grid[1] - 1)) == (i, j):
            return 0, len(pixels(boxes[m])), m
        down, across = (i + 0.5) * stride, (j + 0.5) * stride
        near = radius and max(abs(down - y), abs(across - x)) <= radius * stride
        holds = x0 <= across < x1 and y0 <= down < y1
        return (1, len(pixels(boxes[m])), m) if near and (holds or not inside) else None

    found = detection.assign_cells(
        grid, stride, tensor(boxes)[None], torch.tensor(present, dtype=torch.bool)[None], radius, inside
    )
    for i, j in itertools.product(range(grid[0]), range(grid[1])):
        claims = [rank(m, i, j) for m in range(len(boxes)) if present[m]]
        claims = [claim for claim in claims if claim]
        assert found[0, i, j] == (min(claims)[2] if claims else BACKGROUND)


# RoI align ----------------------------------------------------------------------------------------------------------


def test_roi_align_is_that_of_torchvision():
    generator = torch.Generator().manual_seed(4)
    maps = torch.randn(2, 3, 9, 12, generator=generator, dtype=torch.float64)
    corner = torch.rand(20, 2, generator=generator, dtype=torch.float64) * torch.tensor([60.0, 45.0]) - 3
    boxes = torch.cat((corner, corner + 30 * torch.rand(20, 2, generator=generator, dtype=torch.float64)), 1)
    # Theirs has two ways for points far outside of the map, one of them in Python: leave these to the next test.
    boxes = boxes.minimum(torch.tensor([50.0, 38, 50, 38]))
    image = torch.randint(2, (20,), generator=generator)
    with torch.compiler.set_stance("force_eager"):
        theirs = torchvision.ops.roi_align(
            maps, torch.cat((image[:, None], boxes), 1), (3, 4), spatial_scale=0.25, sampling_ratio=2, aligned=True
        )
    ours = detection.roi_align(maps, boxes, image, (3, 4), stride=4, samples=2)
    torch.testing.assert_close(ours, theirs)


def test_roi_align_of_a_plane_is_the_plane_at_the_middle_of_each_bin_and_0_far_outside(device):
    y, x = torch.meshgrid(torch.arange(8.0, device=device), torch.arange(10.0, device=device), indexing="ij")
    plane = (2 * x - 3 * y)[None, None]
    boxes = torch.tensor([[8.0, 8.0, 24.0, 20.0], [100.0, 0.0, 120.0, 10.0]], device=device)
    image = torch.zeros(2, dtype=torch.long, device=device)
    found = detection.roi_align(plane, boxes, image, (3, 2), stride=4, samples=3)
    for i, j in itertools.product(range(3), range(2)):
        column, row = (8 + (j + 0.5) * 8) / 4 - 0.5, (8 + (i + 0.5) * 4) / 4 - 0.5
        assert found[0, 0, i, j].item() == pytest.approx(2 * column - 3 * row, abs=1e-5)
    assert not found[1].any() and found.device.type == device
    assert detection.roi_align(plane, boxes[:0], image[:0], (3, 2)).shape == (0, 1, 3, 2)


def test_roi_align_has_gradients_for_maps_and_boxes():
    maps = torch.randn(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    boxes = torch.tensor([[1.3, 0.8, 4.1, 3.8], [0.2, 0.1, 5.3, 4.6]], dtype=torch.float64, requires_grad=True)
    image = torch.zeros(2, dtype=torch.long)
    assert torch.autograd.gradcheck(lambda m, b: detection.roi_align(m, b, image, (2, 2)), (maps, boxes))
