"""Images and masks in files: every data set here is a list of their pairs.

data = folder("photographs", "masks", classes=("background", "cat", "dog"))
image, labels = data[0]
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from pixelwise.data import VOID

SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


class LabelledImages(Dataset[tuple[Tensor, Tensor]]):
    """Pairs of an image file and a mask file: item i is (image (3, H, W) float32 in [0, 1], labels (H, W) int64).

    A mask is a grey or palette picture of 8 bits whose number at each pixel is a key of `relabel`; the labels are its
    values. `classes` are the names of the labels 0 … K − 1.

    Reading an item raises `ValueError`, naming the file, for a file that is no readable picture, a mask of another size
    than its image, a mask of another kind, and a number that `relabel` does not have.
    """

    def __init__(self, pairs: Iterable[tuple[Path, Path]], classes: Sequence[str], relabel: Mapping[int, int]) -> None:
        self.pairs = tuple(pairs)
        self.classes = tuple(classes)
        self._table = np.full(256, -1)
        self._table[list(relabel)] = list(relabel.values())

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, labels = self.read(index)
        return image.float() / 255, labels.long()

    def read(self, index: int) -> tuple[Tensor, Tensor]:
        """Return item `index` as it is kept in little memory: image (3, H, W) and labels (H, W), both uint8."""
        image_file, mask_file = self.pairs[index]
        image, mask = _read(image_file).convert("RGB"), _read(mask_file)
        if mask.mode not in ("L", "P", "1"):
            raise ValueError(
                f"{mask_file} is a picture of the kind {mask.mode}: a mask is a grey or palette picture of 8 bits "
                "whose number at each pixel is the label."
            )
        if mask.size != image.size:
            raise ValueError(
                f"{mask_file} has {mask.width}×{mask.height} pixels, but its image {image_file.name} has "
                f"{image.width}×{image.height}: they must be of one size."
            )
        stored = np.asarray(mask).astype(np.uint8)
        labels = self._table[stored]
        if (labels < 0).any():
            known = [number for number, label in enumerate(self._table) if 0 <= label < len(self.classes)]
            void = [number for number, label in enumerate(self._table) if label == VOID]
            raise ValueError(
                f"{mask_file} holds the label {stored[labels < 0][0]}, but the classes are {known[0]} to {known[-1]} "
                f"and void is {' or '.join(map(str, void)) or 'not used'}: correct the mask, or name more classes or "
                "void labels."
            )
        return torch.from_numpy(np.array(image)).permute(2, 0, 1), torch.from_numpy(labels.astype(np.uint8))


def folder(
    images: str | Path, masks: str | Path, classes: Sequence[str], void: Sequence[int] = (VOID,)
) -> LabelledImages:
    """Return the pictures of the folder `images` with the masks of the folder `masks` that have the same stem.

    In a mask, 0 … K − 1 stand for the `classes`, and the numbers in `void` for pixels that are not scored. Pairs are in
    the order of their names.

    Raises `FileNotFoundError` for a folder that is missing or holds no pictures and for an image without a mask, and
    `ValueError` where two files share a stem.
    """
    images, masks = Path(images), Path(masks)
    pictures, truths = _by_stem(images), _by_stem(masks)
    for stem, picture in pictures.items():
        if stem not in truths:
            raise FileNotFoundError(f"{picture} has no mask: put one called {stem}.png into {masks}.")
    relabel = {label: label for label in range(len(classes))} | dict.fromkeys(void, VOID)
    return LabelledImages(((pictures[stem], truths[stem]) for stem in sorted(pictures)), classes, relabel)


def in_memory(data: LabelledImages) -> tuple[Tensor, Tensor]:
    """Return all of `data`, which has one size, as images (N, 3, H, W) and labels (N, H, W), both uint8.

    Raises `ValueError`, naming the file, for an image of another size than the first, and as reading an item does.
    """
    images, labels = [], []
    for index, (image_file, _) in enumerate(data.pairs):
        image, truth = data.read(index)
        if images and image.shape != images[0].shape:
            sizes = [f"{width}×{height}" for height, width in (image.shape[1:], images[0].shape[1:])]
            raise ValueError(f"{image_file} has {sizes[0]} pixels and the images before it {sizes[1]}: resize them.")
        images.append(image)
        labels.append(truth)
    return torch.stack(images), torch.stack(labels)


def _by_stem(place: Path) -> dict[str, Path]:
    if not place.is_dir():
        raise FileNotFoundError(f"There is no folder {place}: put the pictures there, or name the folder they are in.")
    found: dict[str, Path] = {}
    for file in sorted(place.iterdir()):
        if file.suffix.lower() in SUFFIXES:
            if file.stem in found:
                raise ValueError(f"{file} and {found[file.stem].name} have one stem: images and masks go by it.")
            found[file.stem] = file
    if not found:
        raise FileNotFoundError(
            f"{place} holds no pictures: put files there that end in {', '.join(sorted(SUFFIXES))}."
        )
    return found


def _read(file: Path) -> Image.Image:
    try:
        with Image.open(file) as picture:
            picture.load()
            return picture
    except FileNotFoundError:
        raise FileNotFoundError(f"{file} is missing: put it back, or load the data set again.") from None
    # Pillow reports damage inside a PNG as a SyntaxError.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
        raise ValueError(f"{file} cannot be read as a picture: replace the file ({problem}).") from None
