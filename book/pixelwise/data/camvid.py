"""CamVid: 701 frames from a car in Cambridge, 11 classes, in the version of 480×360 pixels of SegNet's authors.

Source: Brostow, Fauqueur and Cipolla, Semantic object classes in video, 2009; the split of Sturgess et al. 2009.
"""

from pathlib import Path

from pixelwise.data import VOID
from pixelwise.data.folders import LabelledImages, folder

CLASSES = (
    "Sky",
    "Building",
    "Pole",
    "Road",
    "Pavement",
    "Tree",
    "SignSymbol",
    "Fence",
    "Car",
    "Pedestrian",
    "Bicyclist",
)
COLOURS = (
    "#8fbfe0",
    "#8c4a3c",
    "#c9c3a6",
    "#6d4c7d",
    "#4a55a2",
    "#7f8f3a",
    "#d98c8c",
    "#3f4a6b",
    "#7a2f86",
    "#5b4a1f",
    "#1f9aa8",
)
"""One hex colour a class, for label maps."""
SPLITS = ("train", "val", "test")


def camvid(root: str | Path, split: str) -> LabelledImages:
    """Return the "train" (367), "val" (101) or "test" (233 frames) split of CamVid in `root`.

    `root` holds a folder for each split, with `images` and `labels` inside. In the label files 0 … 10 are the classes
    and 11 is void.

    Raises `FileNotFoundError` when the data is not there, and `ValueError` for another split.
    """
    if split not in SPLITS:
        raise ValueError(f"CamVid has the splits {', '.join(SPLITS)}, and no {split!r}.")
    place = Path(root) / split
    if not (place / "images").is_dir() or not (place / "labels").is_dir():
        raise FileNotFoundError(
            f"CamVid is not in {root}: put its folders train, val and test there, each with a folder images and a "
            f"folder labels (looked for {place / 'images'} and {place / 'labels'})."
        )
    return folder(place / "images", place / "labels", CLASSES, void=(len(CLASSES), VOID))
