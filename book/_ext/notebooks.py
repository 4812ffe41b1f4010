"""Makes a notebook of every page that has cells: the page as a reader sees it, and its cells ready to run.

It is made from the page as Sphinx resolved it, when the page is written: citations, numbers and references are text
by then, and what stays is plain Markdown that JupyterLab shows without any extension. `notebooks/` in the site's folder
holds them, one for each page, below the same folders; a link to another page leads to its notebook.

Cells come from the page's source, since a page leaves out those with the tag remove-cell, and the others need what
they compute. What a page hides is hidden here too, and runs with the rest.

A browser that shows a page from disk saves no file that the page links to. For it each notebook lies in the site's
`_static` once more, as a script that gives the compressed file to `_static/notebooks.js`.
"""

import base64
import gzip
import html
import platform
import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import nbformat
import pybtex_docutils
from docutils import nodes
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from page_keys import page_cells
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.locale import admonitionlabels
from sphinx.util import logging
from sphinx_design.dropdown import dropdown_main

FOLDER = "notebooks"
REFERENCES = "References"
# As the environment's kernel says it: else JupyterLab adds it, and calls a file that was only opened changed.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
        "version": platform.python_version(),
    },
}
HIDES_SOURCE = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
HIDES_OUTPUTS = {"hide-output", "hide-cell", "remove-output", "remove-cell"}

logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> None:
    app.connect("html-page-context", write_notebook)


def write_notebook(
    app: Sphinx, page: str, template: str, context: dict[str, object], doctree: nodes.document | None
) -> None:
    """Write the notebook of a page that is being written, and tell the page's template where it lies."""
    if doctree is None:  # a page of Sphinx's own: the search, the index
        return
    if not has_cells(app.env.doc2path(page)):
        remove_notebook(app, page)
        return
    context["notebook"], context["packed_notebook"] = notebook_of(app.env, page), packed_of(app.env, page)
    text = nbformat.writes(notebook(app.env, page, doctree)) + "\n"
    write(Path(app.outdir) / context["notebook"], text)
    packed = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
    write(Path(app.outdir) / context["packed_notebook"], f'window.pixelwisePacked = "{packed}";\n')


def write(path: Path, text: str) -> None:
    # JupyterLab asks what to do about a file that was written while it is open.
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def remove_notebook(app: Sphinx, page: str) -> None:
    for name in (notebook_of(app.env, page), packed_of(app.env, page)):
        (Path(app.outdir) / name).unlink(missing_ok=True)


def notebook_of(env: BuildEnvironment, page: str) -> str:
    """Return where a page's notebook lies in the site's folder: below the same folders as the page in the book."""
    return f"{FOLDER}/{posixpath.relpath(page, posixpath.dirname(env.config.root_doc))}.ipynb"


def packed_of(env: BuildEnvironment, page: str) -> str:
    return f"_static/{notebook_of(env, page)}.js"


def has_cells(path: str) -> bool:
    return any(cell.cell_type == "code" for cell in source_cells(path))


def source_cells(path: str) -> tuple[nbformat.NotebookNode, ...]:
    return page_cells(Path(path).read_text(encoding="utf-8-sig"), Path(path).suffix)


def notebook(env: BuildEnvironment, page: str, doctree: nodes.document) -> nbformat.NotebookNode:
    """Return the notebook of a resolved page."""
    translator = Translator(env, page, doctree)
    shown = {node["cell_index"] for node in doctree.findall(is_cell)}
    waiting = [(i, cell) for i, cell in enumerate(source_cells(env.doc2path(page))) if cell.cell_type == "code"]
    cells: list[nbformat.NotebookNode] = []
    texts: list[str] = [about(env, page)]

    def end_text() -> None:
        if texts:
            cells.append(new_markdown_cell("\n\n".join(texts)))
            texts.clear()

    def add_code(outputs: Iterable[nbformat.NotebookNode] = ()) -> int:
        index, source = waiting.pop(0)
        cells.append(code_cell(source, outputs))
        return index

    for part in translator.parts(doctree):
        if isinstance(part, str):
            if part.startswith("#"):
                end_text()
            texts.append(part)
            continue
        end_text()
        while add_code(translator.outputs(part) if waiting[0][0] == part["cell_index"] else ()) != part["cell_index"]:
            pass
        # Cells that the page does not show mostly keep numbers of the one before.
        while waiting and waiting[0][0] not in shown:
            add_code()
    texts += translator.references()
    end_text()
    while waiting:
        add_code()
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"  # or each build would draw others
    return new_notebook(cells=cells, metadata=METADATA)


def about(env: BuildEnvironment, page: str) -> str:
    course, title = escaped(env.config.html_title), escaped(env.titles[page].astext())
    name = course if title == course else f"{course}: “{title}”"
    return "\n>\n".join(
        (
            f"> **{name} as a notebook.** The build made it from the page of this name. Change a number, "
            "run the cells again, and see what follows.",
            "> It needs the course's environment: run `make lab` in the course's folder, and open "
            f"`_build/html/{notebook_of(env, page)}` there. Each cell builds on those above it, so choose "
            "*Run > Run All Cells* first. Folded cells run with the rest.",
            "> The next build writes this file anew. *File > Save Notebook As…* keeps your changes under another name.",
        )
    )


def code_cell(source: nbformat.NotebookNode, outputs: Iterable[nbformat.NotebookNode]) -> nbformat.NotebookNode:
    tags = set(source.metadata.get("tags", ()))
    hidden = {
        name: True
        for name, hiding in (("source_hidden", HIDES_SOURCE), ("outputs_hidden", HIDES_OUTPUTS))
        if tags & hiding
    }
    metadata = {"jupyter": hidden} if hidden else {}
    return new_code_cell(source.source, outputs=list(outputs), metadata=metadata)


def is_cell(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


class Translator:
    """Says a page's resolved nodes in Markdown.

    Methods are named as in docutils: `inline_emphasis` returns a piece of a line, `block_paragraph` yields blocks.
    """

    def __init__(self, env: BuildEnvironment, page: str, doctree: nodes.document) -> None:
        self.env, self.page = env, page
        cited = env.get_domain("cite").citations
        self.citations = {(each.bibliography_key.docname, each.citation_id): each for each in cited}
        self.cited: set[tuple[str, str]] = set()
        labels = env.get_domain("std").labels.values()
        self.headings = {(doc, anchor): title for doc, anchor, title in labels if title}
        for section in doctree.findall(nodes.section):
            self.headings |= {(page, anchor): section[0].astext() for anchor in section["ids"]}
        self.nested = 0  # in how many blocks whose lines have something in front

    # The page -----------------------------------------------------------------------------------------------------

    def parts(self, node: nodes.Element, level: int = 0) -> Iterator[str | nodes.container]:
        """Yield a page's blocks, headings among them, and its code cells as nodes."""
        for child in node:
            if isinstance(child, nodes.section):
                yield from self.parts(child, level + 1)
            elif isinstance(child, nodes.title):
                yield f"{'#' * level} {self.inline(child)}"
            elif is_cell(child):
                yield child
            else:
                yield from self.blocks([child])

    def outputs(self, cell: nodes.container) -> Iterator[nbformat.NotebookNode]:
        """Yield what a page shows below a cell."""
        for shown in cell.findall(lambda node: isinstance(node, nodes.container) and has_class(node, "cell_output")):
            for node in shown:
                yield self._output(node)

    def _output(self, node: nodes.Element) -> nbformat.NotebookNode:
        if isinstance(node, nodes.raw) and node["format"] == "html":
            # Imported here: it takes PyTorch with it, and Sphinx should first report what is missing.
            from portable_outputs import portable

            return new_output("display_data", portable(node.astext()))
        if isinstance(node, nodes.literal_block) and has_class(node, "stream"):
            return new_output("stream", name="stdout", text=node.astext() + "\n")
        if isinstance(node, nodes.literal_block):
            return new_output("display_data", {"text/plain": node.astext()})
        return new_output("display_data", {"text/markdown": "\n\n".join(self.blocks([node]))})

    def references(self) -> Iterator[str]:
        """Yield a heading and the works that were cited, in the order of the bibliography."""
        if self.cited:
            yield f"## {REFERENCES}"
            backend = pybtex_docutils.Backend()
            entries = (each for key, each in self.citations.items() if key in self.cited)
            yield "\n".join(f"- {self._joined(entry.formatted_entry.text.render(backend))}" for entry in entries)

    # Blocks -------------------------------------------------------------------------------------------------------

    def blocks(self, children: Iterable[nodes.Node]) -> Iterator[str]:
        line: list[nodes.Node] = []  # what stands in no paragraph, as the titles of cards do
        for child in children:
            if method := getattr(self, f"block_{type(child).__name__}", None):
                if line:
                    yield self._joined(line)
                    line = []
                yield from (block for block in method(child) if block)
            elif isinstance(child, (nodes.Invisible, addnodes.index)) or type(child).__name__ == "HideCodeCellNode":
                continue
            else:
                line.append(child)
        if line:
            yield self._joined(line)

    def block_paragraph(self, node: nodes.Element) -> Iterator[str]:
        yield guarded(self.inline(node))

    def block_rubric(self, node: nodes.Element) -> Iterator[str]:
        yield f"**{self.inline(node)}**"

    def block_transition(self, node: nodes.Element) -> Iterator[str]:
        yield "---"

    def block_compound(self, node: nodes.Element) -> Iterator[str]:
        if not has_class(node, "toctree-wrapper"):
            yield from self.blocks(node)

    def block_container(self, node: nodes.Element) -> Iterator[str]:
        if has_class(node, "pw-door"):  # a card, whose first line is its title
            yield self._quoted(self._joined(node[0]), node[1:])
        else:
            yield from self.blocks(node)

    def block_glossary(self, node: nodes.Element) -> Iterator[str]:
        yield from self.blocks(node)

    def block_block_quote(self, node: nodes.Element) -> Iterator[str]:
        yield self._quoted("", node)

    def block_admonition(self, node: nodes.Element) -> Iterator[str]:
        titled = bool(len(node)) and isinstance(node[0], nodes.title)
        yield self._quoted(self.inline(node[0]) if titled else admonition_title(node), node[titled:])

    block_attention = block_caution = block_danger = block_error = block_hint = block_important = block_admonition
    block_note = block_tip = block_warning = block_seealso = block_sidebar = block_topic = block_admonition

    def block_dropdown_main(self, node: dropdown_main) -> Iterator[str]:
        title = next(each for each in node.findall(nodes.inline) if has_class(each, "sd-summary-text"))
        opened = " open" if node.get("opened") else ""
        # Blank lines: between them Markdown goes on inside HTML.
        yield f"<details{opened}>\n<summary>{html.escape(title.astext())}</summary>"
        yield from self.blocks(node[1:])
        yield "</details>"

    def block_bullet_list(self, node: nodes.Element) -> Iterator[str]:
        yield self._list(node, ("-" for _ in node))

    def block_enumerated_list(self, node: nodes.Element) -> Iterator[str]:
        first = node.get("start", 1)
        yield self._list(node, (f"{number}." for number in range(first, first + len(node))))

    def block_definition_list(self, node: nodes.Element) -> Iterator[str]:
        for item in node:
            for part in item:
                if isinstance(part, nodes.term):
                    yield f"**{self.inline(part)}**"
                else:
                    yield from self.blocks(part)

    def block_literal_block(self, node: nodes.Element) -> Iterator[str]:
        language = node.get("language", "")
        yield f"```{language if language.isalnum() else ''}\n{node.astext()}\n```"

    def block_math_block(self, node: nodes.Element) -> Iterator[str]:
        formula = for_jupyterlab(node.astext().strip())
        if r"\\" in formula and r"\begin" not in formula:
            formula = rf"\begin{{split}}{formula}\end{{split}}"
        if node.get("label"):
            formula += rf"\tag{{{node['number']}}}"
        # What stands in front of a line, in a quotation or a list, would get into the formula.
        yield f"$${' '.join(formula.splitlines())}$$" if self.nested else f"$$\n{formula}\n$$"

    def block_table(self, node: nodes.Element) -> Iterator[str]:
        rows = [[self._in_a_line(entry) for entry in row] for row in node.findall(nodes.row)]
        if not any(True for _ in node.findall(nodes.thead)):
            rows.insert(0, [""] * len(rows[0]))
        rows.insert(1, ["---"] * len(rows[0]))
        yield "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def block_raw(self, node: nodes.Element) -> Iterator[str]:
        if "html" in node["format"].split():
            yield node.astext()

    def block_image(self, node: nodes.Element) -> Iterator[str]:
        yield self.inline_image(node)

    def _quoted(self, title: str, children: Iterable[nodes.Node]) -> str:
        self.nested += 1
        blocks = [*([f"**{title}**"] if title else []), *self.blocks(children)]
        self.nested -= 1
        return "\n".join(f"> {line}".rstrip() for line in "\n\n".join(blocks).splitlines())

    def _list(self, node: nodes.Element, markers: Iterable[str]) -> str:
        self.nested += 1
        items = [(marker, list(self.blocks(item))) for marker, item in zip(markers, node, strict=True)]
        self.nested -= 1
        loose = any(len(blocks) > 1 for _, blocks in items)
        made = []
        for marker, blocks in items:
            indent = " " * (len(marker) + 1)
            text = "\n\n".join(blocks)
            made.append(f"{marker} " + "\n".join(indent + line if line else "" for line in text.splitlines()).lstrip())
        return ("\n\n" if loose else "\n").join(made)

    def _in_a_line(self, entry: nodes.Element) -> str:
        self.nested += 1
        line = "<br>".join(self.blocks(entry))
        self.nested -= 1
        return line

    # Lines --------------------------------------------------------------------------------------------------------

    def inline(self, node: nodes.Element) -> str:
        return self._joined(node.children)

    def _joined(self, children: Iterable[nodes.Node]) -> str:
        return "".join(self._piece(child) for child in children).strip()

    def _piece(self, node: nodes.Node) -> str:
        if method := getattr(self, f"inline_{type(node).__name__}", None):
            return method(node)
        if not isinstance(node, (nodes.Invisible, addnodes.index)):
            logger.warning("The notebook of this page has no Markdown for <%s>", node.tagname, location=node)
        return ""

    def inline_Text(self, node: nodes.Text) -> str:
        return escaped(node.astext().replace("\n", " "))

    def inline_inline(self, node: nodes.Element) -> str:
        return "".join(self._piece(child) for child in node)

    inline_title_reference = inline_generated = inline_inline

    def inline_emphasis(self, node: nodes.Element) -> str:
        return f"*{self.inline(node)}*"

    def inline_strong(self, node: nodes.Element) -> str:
        return f"**{self.inline(node)}**"

    def inline_superscript(self, node: nodes.Element) -> str:
        return f"<sup>{self.inline(node)}</sup>"

    def inline_subscript(self, node: nodes.Element) -> str:
        return f"<sub>{self.inline(node)}</sub>"

    def inline_literal(self, node: nodes.Element) -> str:
        text = node.astext().replace("\n", " ")
        fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
        space = " " if "`" in text else ""
        return f"{fence}{space}{text}{space}{fence}"

    def inline_math(self, node: nodes.Element) -> str:
        return f"${for_jupyterlab(' '.join(node.astext().split()))}$"

    def inline_image(self, node: nodes.Element) -> str:
        return f"![{escaped(node.get('alt', ''))}]({node['uri']})"

    def inline_raw(self, node: nodes.Element) -> str:
        return node.astext() if "html" in node["format"].split() else ""

    def inline_reference(self, node: nodes.Element) -> str:
        text = self.inline(node)
        target = self._target(node)
        title = f' "{node["reftitle"]}"' if target and "reftitle" in node and target != f"#{REFERENCES}" else ""
        return f"[{text}]({target}{title})" if target else text

    def _target(self, node: nodes.Element) -> str:
        """Return where a link leads from this notebook; nothing where it leads to a place in it without a heading."""
        address = node.get("refuri", "")
        if not node.get("internal"):
            return address
        path, _, anchor = address.partition("#")
        anchor = node.get("refid", anchor)
        page = self.page
        if path:
            page = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)).removesuffix(".html")
        if (page, anchor) in self.citations:
            self.cited.add((page, anchor))
            return f"#{REFERENCES}"
        # JupyterLab makes a heading's anchor of its text.
        heading = self.headings.get((page, anchor), "").replace(" ", "-")
        if page != self.page and heading == self.env.titles[page].astext().replace(" ", "-"):
            heading = ""  # the notebook's own beginning, where its chapter's number comes first
        if page == self.page:
            return heading and f"#{quote(heading)}"
        start = posixpath.dirname(notebook_of(self.env, self.page))
        if not has_cells(self.env.doc2path(page)):
            return posixpath.relpath(f"{page}.html", start) + (anchor and f"#{anchor}")
        return posixpath.relpath(notebook_of(self.env, page), start) + (heading and f"#{quote(heading)}")


def has_class(node: nodes.Element, name: str) -> bool:
    return name in node.get("classes", ())


def admonition_title(node: nodes.Element) -> str:
    return str(admonitionlabels.get(type(node).__name__, ""))


def escaped(text: str) -> str:
    """Return text whose characters mean nothing to Markdown, nor to the mathematics in it."""
    text = re.sub(r"([\\`*\[\]<$~|])", r"\\\1", text)
    text = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)  # inside a word it means nothing
    return re.sub(r"&(?=#?\w+;)", r"\&", text)


def for_jupyterlab(formula: str) -> str:
    """Return a formula with underscores in words as LaTeX wants them; the site's MathJax takes them as they are."""
    return re.sub(r"\\text\{[^{}]*\}", lambda found: re.sub(r"(?<!\\)_", r"\_", found[0]), formula)


def guarded(line: str) -> str:
    """Return a paragraph whose beginning is not read as that of a heading, a list or a quotation."""
    return re.sub(r"^(\d+)(?=[.)]\s)", r"\1\\", re.sub(r"^(?=[#+>=-])", r"\\", line))
