"""PASCAL VOC 2012, segmentation: 20 classes and background; the border between objects is void.

Source: Everingham et al., The Pascal visual object classes challenge: A retrospective, 2015.
"""

from pathlib import Path

from torchvision.datasets import VOCSegmentation

from pixelwise.data import VOID
from pixelwise.data.folders import LabelledImages

CLASSES = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)


def voc(root: str | Path, split: str = "train", download: bool = False) -> LabelledImages:
    """Return the "train" (1,464), "val" (1,449) or "trainval" images of VOC 2012 that have masks.

    `root` holds `VOCdevkit/VOC2012` as the archive unpacks it; `download=True` fetches the archive (2 GB) into it.

    Raises `FileNotFoundError` when the data is not there, and `ValueError` for another split.
    """
    if split not in ("train", "val", "trainval"):
        raise ValueError(f"VOC 2012 has the splits train, val and trainval, and no {split!r}.")
    try:
        found = VOCSegmentation(root, year="2012", image_set=split, download=download)
    except (RuntimeError, FileNotFoundError):
        raise FileNotFoundError(
            f"VOC 2012 is not in {root}: unpack VOCtrainval_11-May-2012.tar there, so that {root}/VOCdevkit/VOC2012 "
            "holds JPEGImages, SegmentationClass and ImageSets, or pass download=True to fetch it (2 GB)."
        ) from None
    pairs = [(Path(image), Path(mask)) for image, mask in zip(found.images, found.masks, strict=True)]
    return LabelledImages(pairs, CLASSES, {**{label: label for label in range(len(CLASSES))}, VOID: VOID})
