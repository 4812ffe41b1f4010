"""Which names of files and folders are safe on every system."""

import re
import unicodedata
from collections.abc import Iterable

CLUTTER = ("__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini")  # besides every name with a dot in front
CHECKPOINTS = ".ipynb_checkpoints"  # where Jupyter saves by itself
MAX_NAME = 200  # bytes of one part of a path
MAX_DEPTH = 16
WINDOWS_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


def name_problem(name: str) -> str:
    """Why ``name`` cannot be a file's or a folder's name on every system, in words; empty when it can."""
    if name in ("", ".", ".."):
        return "a part of its path is empty or leads elsewhere"
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in name):
        return "its name holds a character that cannot be seen"
    if "/" in name or "\\" in name:
        return "its name holds a slash or a backslash"
    if re.match(r"[A-Za-z]:", name):
        return "its name starts with a drive letter"
    if len(name.encode()) > MAX_NAME:
        return "its name is too long"
    if name != name.strip() or name.endswith("."):
        return "its name starts or ends with a space, or ends with a dot"
    if name.split(".")[0].rstrip().lower() in WINDOWS_DEVICES:
        return "its name is that of a device on Windows"
    return ""


def path_problem(path: str) -> str:
    """Why no honest program writes ``path`` into an archive, in words; empty when one may."""
    if path.startswith("/"):
        return "its name is an absolute path"
    parts = path_parts(path)
    if len(parts) > MAX_DEPTH:
        return f"it lies in more than {MAX_DEPTH} folders"
    return next(filter(None, map(name_problem, parts)), "")


def path_parts(path: str) -> tuple[str, ...]:
    """The parts of a path in an archive, in Unicode's composed form."""
    return tuple(unicodedata.normalize("NFC", path).split("/"))


def is_clutter(parts: Iterable[str]) -> bool:
    """Whether a path is something that a computer adds by itself, such as ``.DS_Store``."""
    return any(part in CLUTTER or part.startswith(".") for part in parts)


def same_name_key(name: str) -> str:
    """What two names have in common that some system takes for one: composed letters, and no difference in case."""
    return unicodedata.normalize("NFC", name).casefold()
