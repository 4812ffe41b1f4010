"""Files written whole or not at all.

with files.whole(path) as new:
    torch.save(state, new)

What is new is written beside its place and moved there when it is complete: whoever reads the file, and whoever was
stopped while writing it, finds what was there before or what is now.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give the place of a new file in the folder of `path`; on leaving it becomes `path`. Folders are made as needed.

    When the enclosed code raises, `path` stays as it was, and the new file is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield new
        with new.open("rb") as file:
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Make `text`, as UTF-8, what the file `path` holds; otherwise like `whole`."""
    with whole(path) as new:
        new.write_text(text, encoding="utf-8")
