"""No number in a chapter's prose that nobody computed.

A number may stand in a cell, in mathematics, in code, in {glue}, in {ledger}, in a sentence that cites its source, or
in the table or list that such a sentence introduces.
Elsewhere only these are allowed:

- parameters: numbers that a visible cell of the page has as a literal;
- small counts: whole numbers up to ten;
- sizes as products, 3×3 or 227×227×3;
- names: digits that touch letters (VGG-16, conv1, 2-D, v1.5, 32-bit), lists of them (ResNet-18, 34 and 50), versions;
- places: chapter 3, figure 2, table 1, unit 12, and years.
"""

import ast
import re
from pathlib import Path

import pytest
from IPython.core.inputtransformer2 import TransformerManager

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted((ROOT / "book").glob("0[1-9]-*/*.md"))

SMALL_COUNT = 10
UNITS = {"%": 0.01, "per cent": 0.01, "k": 1e3, "thousand": 1e3, "M": 1e6, "million": 1e6, "G": 1e9, "billion": 1e9}
UNITS |= {"kB": 1e3, "MB": 1e6, "GB": 1e9}
PLACES = (
    "appendix|assignment|chapter|cell|column|configuration|equation|figure|layer|level|line|part|question|row|section|"
    "stage|step|table|unit|pixel|class"
)
# What is taken out before numbers are looked for; each match leaves its line breaks behind.
NOT_PROSE = [
    r"\A---\n.*?\n---\n",  # the page's header
    r"^(`{3,}|~{3,}|:{3,})(?:\{(?:code-cell|math|code|code-block|figure|image|bibliography|list-table)\}|[a-z]).*?^\1\s*$",
    r"^\$\$[^\n]+?\$\$|^\$\$.*?^\$\$|\$\$.*?\$\$",
    r"(?<!\\)\$[^$]+?\$",
    r"\{(?!cite)[\w:+-]+\}`[^`]*`",  # roles, {glue:text} and {ledger} among them; citations are needed below
    r"(?<!`)`(?!`)[^`]+`(?!`)",
    r"\]\([^)]*\)",
    r"<!--.*?-->|^%.*?$|^\([\w-]+\)=$|^:[\w-]+:.*?$",
]
NUMBER = r"(?<![\w.×-])[-−]?\d[\d,.\u202f]*\d|(?<![\w.×-])\d"
ALLOWED = [
    r"\d+(?:[ \u202f]?×[ \u202f]?(?:\d+|[A-Za-z]+))+",
    r"\b[A-Za-z]+-\d+(?:(?:, (?:and )?| and | or | to )\d{2,3}\b(?! ?[%×]))+",  # a list of names
    r"\b[A-Za-z][\w.]*[-‑]?\d[\w.]*(?:[-×/]\d[\w.]*)*",  # a letter before
    r"\d+(?:[-‑][A-Za-zµ]+|[A-Za-z]+\b)",  # a letter after: 2-D, 32-bit, 3rd, 4d
    r"(?:Python|PyTorch|torchvision) \d+(?:\.\d+)*",
    rf"\b(?:{PLACES})e?s? \d+(?:(?:, | and | or | to |–)\d+)*",
    r"\b(?:18|19|20)\d\d\b",
]


def blank(text, patterns):
    """Replace what the patterns match by spaces, so that every character keeps its place."""
    for pattern in patterns:
        found = re.compile(pattern, re.DOTALL | re.MULTILINE | re.IGNORECASE)
        text = found.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    return text


def without_cited_sentences(text):
    """Leave out each sentence (or item, or table row) that cites a work, and the table or list that it introduces."""
    parts = re.split(r"((?<=[.?!])\s+(?=[A-Z$*{`(])|\n\s*\n|\n\s*[-*|]\s)", text)
    for i, part in enumerate(parts):
        if "{cite" not in part:
            continue
        parts[i] = re.sub(r"[^\n]", " ", part)
        if part.rstrip().endswith(":"):
            rest = "".join(parts[i + 1 :])
            block = re.match(r"\s*\n(?: *[-*|][^\n]*\n?(?:  [^\n]*\n)*)+", rest)
            if block:
                return (
                    "".join(parts[: i + 1])
                    + re.sub(r"[^\n]", " ", block.group())
                    + without_cited_sentences(rest[block.end() :])
                )
    return "".join(parts)


def literals(text):
    """The numbers that visible cells of a page contain, as numbers."""
    found = set()
    for cell in re.findall(r"^```\{code-cell\}.*?\n(.*?)^```\s*$", text, flags=re.DOTALL | re.MULTILINE):
        if re.search(r"^:tags:.*remove-(?:cell|input)", cell, flags=re.MULTILINE):
            continue
        source = re.sub(r"^:[\w-]+:.*$", "", cell, flags=re.MULTILINE)
        for node in ast.walk(ast.parse(TransformerManager().transform_cell(source))):
            if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
                found.add(float(node.value))
    return found


def unaccounted(text):
    """Return (line, number, its surroundings) for every number in prose that no rule accounts for."""
    parameters = literals(text)
    prose = blank(without_cited_sentences(blank(text, NOT_PROSE)), ALLOWED)
    found = []
    for match in re.finditer(NUMBER, prose):
        value = float(re.sub(r"[,\u202f]", "", match.group().replace("−", "-")).rstrip("."))
        unit = re.match(rf"\s?({'|'.join(map(re.escape, UNITS))})(?!\w)", prose[match.end() :])
        if unit:
            allowed = value * UNITS[unit.group(1)] in parameters
        else:
            allowed = value in parameters or (match.group().isdigit() and value <= SMALL_COUNT)
        if allowed:
            continue
        line = text.count("\n", 0, match.start()) + 1
        found.append((line, match.group(), " ".join(text[match.start() - 40 : match.end() + 30].split())))
    return found


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_every_number_in_prose_is_computed_or_cited(page):
    found = unaccounted(page.read_text())
    assert not found, "\n" + "\n".join(f"{page.name}:{line}: {number}  … {around} …" for line, number, around in found)


@pytest.mark.parametrize(
    "prose",
    [
        "It has 61 layers.",
        "It is right 95 % of the time.",
        "It is right 5 % of the time.",
        "It takes 1.5 seconds.",
        "It has 7.0 layers.",
        "It has 7 M parameters.",
        "Of the 138,357,544 parameters most are idle.",
        "It was better {cite:p}`he2016deep`. It had 152 of them.",
        "- cited {cite:p}`he2016deep`\n- 152 of them",
        "As {cite:t}`he2016deep` did:\n\n| layers |\n|---|\n| 152 |\n\nWe take 61.",
        "```{admonition} A box\nWith 61 layers.\n```",
        "````{admonition} A box\n```{dropdown} Answer\nIt has 61.\n```\n````",
        "```{code-cell} python3\n:tags: [remove-cell]\nlayers = 61\n```\nIt has 61 layers.",
        "$$a = 1$$\n\nIt has 61 layers.\n\n$$b = 2$$",
    ],
)
def test_a_number_without_a_source_is_found(prose):
    assert len(unaccounted(prose)) == 1


@pytest.mark.parametrize(
    "prose",
    [
        "Two of 3 layers see 7×7 or 224 × 224 or 227×227×3 pixels.",
        "ResNet-18, 34, 50, 101 and 152 have one table.",
        "```{code-cell} python3\nshare = 0.1\n```\nOf the images 10 % are wrong.",
        "VGG-16, ResNet-50 32×4d, conv1_2, the 2-D case, a 32-bit number, v1.5, L2, Python 3.11.",
        "As chapter 13, figure 12 and rows 11 to 15 show.",
        "It began in 1998 {cite:p}`lecun1998gradient` and 2012.",
        "It has 152 layers {cite:p}`he2016deep`.",
        "It has {glue:text}`layers` layers and {ledger}`resnet152-parameters` parameters, $61$ here, `61` there.",
        "$$\n61\n$$",
        "```{math}\n61 + 62\n```",
        "```{code-cell} python3\nprint(61)\n```\nIt has 61 layers.",
        "```python\nlayers = 61\n```",
        "(chapter-61)=\n[a link](page-61.md)",
    ],
)
def test_a_number_with_a_source_is_not(prose):
    assert unaccounted(prose) == []
