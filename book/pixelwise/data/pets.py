"""Oxford-IIIT Pet: cats and dogs, each pixel pet, background or the border between them, which is void here.

Source: Parkhi et al., Cats and dogs, 2012.
"""

from pathlib import Path

from torchvision.datasets import OxfordIIITPet

from pixelwise.data import VOID
from pixelwise.data.folders import LabelledImages

CLASSES = ("background", "pet")
# In the trimaps 1 is the pet, 2 the background, and 3 a border that was not decided.
RELABEL = {1: 1, 2: 0, 3: VOID}


def pets(root: str | Path, split: str = "trainval", download: bool = False) -> LabelledImages:
    """Return the "trainval" (3,680) or "test" (3,669) images of the Oxford-IIIT Pet data set with their trimaps.

    `root` holds `oxford-iiit-pet/images` and `oxford-iiit-pet/annotations`; `download=True` fetches them (0.8 GB).

    Raises `FileNotFoundError` when the data is not there, and `ValueError` for another split.
    """
    if split not in ("trainval", "test"):
        raise ValueError(f"Oxford pets has the splits trainval and test, and no {split!r}.")
    try:
        OxfordIIITPet(root, split, target_types="segmentation", download=download)
    except (RuntimeError, FileNotFoundError):
        raise FileNotFoundError(
            f"The Oxford pets are not in {root}: unpack images.tar.gz and annotations.tar.gz into "
            f"{root}/oxford-iiit-pet, or pass download=True to fetch them (0.8 GB)."
        ) from None
    place = Path(root) / "oxford-iiit-pet"
    names = [line.split()[0] for line in (place / "annotations" / f"{split}.txt").read_text().splitlines() if line]
    pairs = [(place / "images" / f"{name}.jpg", place / "annotations/trimaps" / f"{name}.png") for name in names]
    return LabelledImages(pairs, CLASSES, RELABEL)
