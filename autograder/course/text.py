"""Text that others wrote, made safe to show, and the words that reports are told in.

What becomes HTML is escaped by its template; see `autograder.pages`.
"""

import re

# Terminal colours; then characters that show as nothing, reorder the text around them, or cannot be written as UTF-8.
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def printable(text: str, most: int | None = None) -> str:
    """``text`` on one line of a terminal: no character that moves its cursor, and at most ``most`` characters."""
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return clean if most is None or len(clean) <= most else clean[: most - 1] + "…"


def plain(text: object, limit: int = 4000) -> str:
    """``text`` safe to print and to store: no control characters, terminal codes or lone surrogates, and clipped."""
    text = _ANSI.sub("", str(text)).replace("\r\n", "\n")
    if len(text) > limit:
        text = f"{text[: limit - 200]}\n… {len(text) - limit:,} more characters …\n{text[-200:]}"
    return _UNSEEN.sub(
        lambda match: f"\\x{ord(match[0]):02x}" if ord(match[0]) < 256 else f"\\u{ord(match[0]):04x}", text
    )


def sentence(text: str) -> str:
    """``text`` with a capital letter in front and a full stop behind."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def readable(name: str) -> str:
    """A test's name as words: ``test_stride_moves[float64]`` → ``Stride moves (float64)``."""
    base, _, parameters = name.partition("[")
    words = base.removeprefix("test_").replace("_", " ").strip() or name
    return words[:1].upper() + words[1:] + (f" ({parameters.removesuffix(']')})" if parameters else "")


def amount(points: float) -> str:
    """Points without a needless ``.0``."""
    return f"{points:.2f}".rstrip("0").rstrip(".")


def counted(number: float, noun: str) -> str:
    """How many there are of what ``noun`` names: ``1 operator``, ``2,048 operators``, ``0.5 points``."""
    return f"{amount(number) if number % 1 else f'{number:,.0f}'} {noun}{'' if number == 1 else 's'}"
