"""Data sets from files: what is read, in which shapes and numbers, and what is said of files that are wrong."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pixelwise.data import VOID, transforms
from pixelwise.data.camvid import CLASSES, COLOURS, camvid
from pixelwise.data.folders import folder, in_memory
from pixelwise.data.pets import pets
from pixelwise.data.voc import voc

SIZE = (6, 8)  # height, width
rng = np.random.default_rng(0)


def picture(file, size=SIZE):
    pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)
    return pixels


def mask(file, labels):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(labels, dtype=np.uint8)).save(file)


@pytest.fixture
def pair(tmp_path):
    """A folder of images and one of masks, with one pair in them: two classes and a void pixel."""
    labels = np.zeros(SIZE, dtype=np.uint8)
    labels[1:3], labels[5, 7] = 1, VOID
    pixels = picture(tmp_path / "images" / "a.png")
    mask(tmp_path / "masks" / "a.png", labels)
    return tmp_path, pixels, labels


def read(place, classes=("background", "thing"), **options):
    return folder(place / "images", place / "masks", classes, **options)


def test_an_item_is_an_image_between_0_and_1_and_a_label_for_each_pixel(pair):
    place, pixels, labels = pair
    image, truth = read(place)[0]
    assert image.shape == (3, *SIZE) and image.dtype == torch.float32
    assert torch.equal(image, torch.from_numpy(pixels).permute(2, 0, 1) / 255)
    assert truth.dtype == torch.int64
    assert np.array_equal(truth, labels)


def test_pairs_go_by_stem_in_the_order_of_their_names(tmp_path):
    for number, (name, suffix) in enumerate((("b", ".jpg"), ("c", ".png"), ("a", ".bmp"))):
        picture(tmp_path / "images" / (name + suffix))
        mask(tmp_path / "masks" / f"{name}.png", np.full(SIZE, number))
    data = read(tmp_path, classes=("first", "second", "third"))
    assert [image.name for image, _ in data.pairs] == ["a.bmp", "b.jpg", "c.png"]
    assert [int(labels[0, 0]) for _, labels in data] == [2, 0, 1]


def test_a_palette_mask_is_read_as_its_numbers_and_not_as_its_colours(pair):
    place, _, labels = pair
    stored = Image.fromarray(labels, mode="P")
    stored.putpalette([200, 100, 50] * 256)
    stored.save(place / "masks" / "a.png")
    assert np.array_equal(read(place)[0][1], labels)


def test_every_label_given_as_void_becomes_255(pair):
    place, _, labels = pair
    mask(place / "masks" / "a.png", np.where(labels == 1, 7, labels))
    truth = read(place, void=(7, VOID))[0][1]
    assert np.array_equal(truth == VOID, labels != 0)


def test_what_is_held_in_memory_is_what_items_give(pair):
    place, *_ = pair
    picture(place / "images" / "b.png")
    mask(place / "masks" / "b.png", np.ones(SIZE))
    data = read(place)
    images, labels = in_memory(data)
    assert images.dtype == labels.dtype == torch.uint8
    assert torch.equal(images.float() / 255, torch.stack([image for image, _ in data]))
    assert torch.equal(labels.long(), torch.stack([truth for _, truth in data]))


def refusal(kind, read_it):
    """What is said when something is refused: one line."""
    with pytest.raises(kind) as raised:
        read_it()
    (line,) = str(raised.value).splitlines()
    return line


def test_a_mask_of_another_size_than_its_image_is_named(pair):
    place, *_ = pair
    mask(place / "masks" / "a.png", np.zeros((8, 6)))
    said = refusal(ValueError, lambda: read(place)[0])
    assert str(place / "masks" / "a.png") in said and "6×8" in said and "8×6" in said


def test_a_label_above_the_classes_that_is_not_void_is_named(pair):
    place, _, labels = pair
    mask(place / "masks" / "a.png", np.where(labels == 1, 2, labels))
    said = refusal(ValueError, lambda: read(place)[0])
    assert str(place / "masks" / "a.png") in said and "label 2" in said and "0 to 1" in said and "void is 255" in said


@pytest.mark.parametrize("kind", ["images", "masks"])
@pytest.mark.parametrize("damage", [lambda held: held[:-30], lambda held: b"not a picture", lambda held: b""])
def test_a_file_that_is_no_readable_picture_is_named(pair, kind, damage):
    place, *_ = pair
    file = place / kind / "a.png"
    file.write_bytes(damage(file.read_bytes()))
    assert str(file) in refusal(ValueError, lambda: read(place)[0])


def test_an_image_without_a_mask_is_named(pair):
    place, *_ = pair
    picture(place / "images" / "b.jpg")
    said = refusal(FileNotFoundError, lambda: read(place))
    assert str(place / "images" / "b.jpg") in said and "b.png" in said and str(place / "masks") in said


def test_two_images_of_one_stem_are_named(pair):
    place, *_ = pair
    picture(place / "images" / "a.jpg")
    said = refusal(ValueError, lambda: read(place))
    assert "a.png" in said and "a.jpg" in said


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "I;16"])
def test_a_mask_that_does_not_hold_one_label_of_8_bits_a_pixel_is_named(pair, mode):
    place, *_ = pair
    Image.new(mode, SIZE[::-1]).save(place / "masks" / "a.png")
    said = refusal(ValueError, lambda: read(place)[0])
    assert str(place / "masks" / "a.png") in said and "grey or palette" in said


def test_a_folder_that_is_missing_or_empty_is_named(tmp_path):
    assert str(tmp_path / "images") in refusal(FileNotFoundError, lambda: read(tmp_path))
    (tmp_path / "images").mkdir()
    assert "holds no pictures" in refusal(FileNotFoundError, lambda: read(tmp_path))


def test_an_image_of_another_size_cannot_be_held_in_memory_with_the_others(pair):
    place, *_ = pair
    picture(place / "images" / "b.png", (4, 4))
    mask(place / "masks" / "b.png", np.zeros((4, 4)))
    said = refusal(ValueError, lambda: in_memory(read(place)))
    assert str(place / "images" / "b.png") in said and "4×4" in said and "8×6" in said


def test_camvid_is_read_from_its_folders_with_11_as_void(tmp_path):
    picture(tmp_path / "val" / "images" / "0016E5_07959.jpg")
    mask(tmp_path / "val" / "labels" / "0016E5_07959.png", np.arange(48).reshape(SIZE) % 12)
    data = camvid(tmp_path, "val")
    assert data.classes == CLASSES and len(CLASSES) == len(set(COLOURS)) == 11
    assert set(data[0][1].unique().tolist()) == {*range(11), VOID}


def test_where_camvid_belongs_is_said_when_it_is_missing(tmp_path):
    said = refusal(FileNotFoundError, lambda: camvid(tmp_path / "nothing", "train"))
    assert str(tmp_path / "nothing") in said and "train, val and test" in said
    assert "train, val, test" in refusal(ValueError, lambda: camvid(tmp_path, "all"))


def test_voc_is_read_as_its_archive_unpacks_it(tmp_path):
    place = tmp_path / "VOCdevkit" / "VOC2012"
    labels = np.arange(48).reshape(SIZE) % 21
    labels[0, 0] = VOID
    picture(place / "JPEGImages" / "2007_000032.jpg")
    mask(place / "SegmentationClass" / "2007_000032.png", labels)
    (place / "ImageSets" / "Segmentation").mkdir(parents=True)
    (place / "ImageSets" / "Segmentation" / "val.txt").write_text("2007_000032\n")
    (image, truth), *others = voc(tmp_path, "val")
    assert image.shape == (3, *SIZE) and not others
    assert np.array_equal(truth, labels)


def test_pets_are_1_their_background_0_and_the_undecided_border_void(tmp_path):
    place = tmp_path / "oxford-iiit-pet"
    stored = 1 + np.arange(48).reshape(SIZE) % 3
    picture(place / "images" / "Abyssinian_1.jpg")
    mask(place / "annotations" / "trimaps" / "Abyssinian_1.png", stored)
    (place / "annotations" / "test.txt").write_text("Abyssinian_1 1 1 1\n")
    (_, truth), *others = pets(tmp_path, "test")
    assert not others
    assert np.array_equal(truth, np.array([1, 0, VOID])[stored - 1])


@pytest.mark.parametrize("load, archive", [(voc, "VOCtrainval"), (pets, "images.tar.gz")])
def test_where_downloaded_data_belongs_is_said_when_it_is_missing(tmp_path, load, archive):
    said = refusal(FileNotFoundError, lambda: load(tmp_path))
    assert str(tmp_path) in said and archive in said and "download=True" in said
    assert "no 'everything'" in refusal(ValueError, lambda: load(tmp_path, "everything"))


def test_a_listed_file_that_is_gone_is_named(pair):
    place, *_ = pair
    data = read(place)
    (place / "images" / "a.png").unlink()
    assert str(place / "images" / "a.png") in refusal(FileNotFoundError, lambda: data[0])


# --- changes of image and labels together

SIDES = st.integers(1, 12)


def numbered(height, width):
    """An image whose pixels tell their label, so that image and labels can be compared after any change of both."""
    labels = torch.arange(height * width).reshape(height, width) % 250 + 1
    return labels.expand(3, -1, -1) / 255, labels


def agree(image, labels):
    """Whether each pixel still has the label that it began with, and all that came from outside is black and void."""
    return torch.equal((image * 255).round().long(), torch.where(labels == VOID, 0, labels).expand(3, -1, -1))


@given(height=SIDES, width=SIDES, top=st.integers(-9, 9), left=st.integers(-9, 9), window=st.tuples(SIDES, SIDES))
def test_a_crop_moves_image_and_labels_alike_and_is_void_outside(height, width, top, left, window):
    image, labels = transforms.crop(*numbered(height, width), top, left, *window)
    assert image.shape == (3, *window) and labels.shape == window
    assert agree(image, labels)
    for y in range(window[0]):
        for x in range(window[1]):
            inside = 0 <= top + y < height and 0 <= left + x < width
            assert labels[y, x] == ((top + y) * width + left + x) % 250 + 1 if inside else labels[y, x] == VOID


@given(height=SIDES, width=SIDES)
def test_a_flip_is_undone_by_a_second(height, width):
    pair = numbered(height, width)
    once = transforms.flip(*pair)
    assert agree(*once) and torch.equal(once[1], pair[1].flip(1))
    assert torch.equal(transforms.flip(*once)[1], pair[1])


def test_resizing_mixes_colours_and_never_labels():
    image, labels = torch.rand(3, 9, 7), torch.randint(0, 2, (9, 7)) * 10
    smaller, truth = transforms.resize(image, labels, (4, 5))
    assert smaller.shape == (3, 4, 5) and truth.shape == (4, 5)
    assert set(truth.unique().tolist()) <= {0, 10}


def test_shrinking_by_two_takes_every_pixel_into_account():
    image = torch.zeros(3, 8, 8)
    image[:, ::2, ::2] = 1
    smaller, _ = transforms.resize(image, torch.zeros(8, 8), (4, 4))
    assert smaller[:, 1:-1, 1:-1].sub(0.25).abs().max() < 0.05


def test_a_view_at_scale_1_is_the_whole_image():
    image, labels = numbered(8, 6)
    for seed in range(4):
        seen, truth = transforms.random_view(image, labels, torch.Generator().manual_seed(seed), (8, 6), (1, 1))
        assert agree(seen, truth)
        assert torch.equal(truth, labels) or torch.equal(truth, labels.flip(1))


def test_a_view_at_a_scale_below_1_has_void_around_the_image_and_above_1_none():
    image, labels = numbered(40, 40)
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        _, truth = transforms.random_view(image, labels, generator, (20, 20), (0.5, 0.5))
        assert (truth != VOID).sum() == 100
        _, truth = transforms.random_view(image, labels, generator, (20, 20), (2, 2))
        assert (truth != VOID).all() and len(truth.unique()) == len(labels.unique())


def test_views_depend_on_the_generator_alone():
    pair = numbered(30, 20)

    def views(seed):
        generator = torch.Generator().manual_seed(seed)
        return torch.stack([transforms.random_view(*pair, generator, (10, 8))[0] for _ in range(6)])

    assert torch.equal(views(1), views(1))
    assert not torch.equal(views(1), views(2))
    assert len({tuple(view.flatten().tolist()) for view in views(1)}) == 6


def test_colours_change_within_their_range_and_a_strength_of_0_changes_nothing():
    image = torch.rand(3, 5, 5)
    generator = torch.Generator().manual_seed(0)
    assert torch.allclose(transforms.colour_jitter(image, generator, 0), image, atol=1e-6)
    changed = transforms.colour_jitter(image, generator, 0.9)
    assert not torch.allclose(changed, image, atol=0.01)
    assert changed.min() >= 0 and changed.max() <= 1


def test_images_are_normalised_colour_by_colour():
    images = torch.tensor([0.5, 0.7, 0.9])[:, None, None].expand(2, 3, 4, 5)
    done = transforms.normalise(images, mean=(0.5, 0.5, 0.5), deviation=(0.1, 0.2, 0.4))
    assert torch.allclose(done[1, :, 2, 2], torch.tensor([0.0, 1.0, 1.0]))
