"""What the site's build needs beyond Jupyter Book: what makes the built folder complete and truthful.

- MathJax and the two typefaces are copied from installed packages into the site, so that no page asks the network.
- The colours of `pixelwise.palette` become a style sheet, so that pages, figures and explorers share one definition.
- A page is run again when its cells change, or a file of the project that they import (see `page_keys`), or a package
  that requirements.txt pins. jupyter-cache knows only a notebook's own cells, and would show outputs of an older
  library; so each page has a cache of its own, in a folder that is named by what its outputs depend on.
- Sphinx reads and writes only what changed, by the contents of files and not by their times. When a title, a label,
  the contents or a reference changes, every page is written again (not read, not run), since others show it. A build
  that was cut short or gave warnings counts as none: the next one reads every page.
- Where many pages are read, each process reads one at a time, the longest first.
- Thebe and the comment services, which Jupyter Book always loads, are unplugged: they prepare every page to fetch
  scripts from elsewhere, and Thebe's constants, written twice, are an error in the console.
- A chapter's number stands before its heading and in the numbers of its equations.
- The role {ledger}`key` prints a number that `pixelwise.ledger` computes and links to its row.
- Every page that has cells gets a notebook (see `notebooks`).
"""

import hashlib
import importlib.metadata
import os
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import chapter_numbers
import ledger_role
import notebooks
import sphinx.builders
from jupyter_cache import get_cache
from page_keys import Sources, code_cells, files_read
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

BOOK = Path(__file__).resolve().parents[1]
PACKAGES = {"pixelwise": BOOK / "pixelwise", "autograder": BOOK.parent / "autograder"}
FEW = 5  # so many pages Sphinx reads in one process
VERSIONS_KEPT = 4  # of a page's cells, and of what they import: an edit taken back costs nothing

# distribution → the files to take (path endings inside it) and the folder below _static that receives them
BORROWED = {
    "sphinx-mathjax-offline": (["static/mathjax/tex-svg.js"], "mathjax"),
    "font-source-serif-pro": (
        [f"SourceSerifPro-{face}.ttf" for face in ("Regular", "It", "Semibold", "SemiboldIt")],
        "fonts",
    ),
    "font-source-sans-pro": (
        [f"SourceSansPro-{face}.ttf" for face in ("Regular", "It", "Semibold", "Bold")],
        "fonts",
    ),
}


def setup(app: Sphinx) -> dict[str, object]:
    app.add_config_value("pixelwise_static", "", "html")
    app.connect("config-inited", unplug_remote_services, priority=0)
    app.connect("config-inited", forget_an_unfinished_build)
    app.connect("config-inited", add_static_files)
    app.connect("env-get-outdated", pages_whose_sources_changed)
    app.connect("env-before-read-docs", share_among_processes)
    app.connect("source-read", choose_cache)
    app.connect("env-purge-doc", forget_page)
    app.connect("env-merge-info", merge_pages)
    app.connect("env-updated", pages_that_show_what_changed_elsewhere)
    app.connect("build-finished", sweep)
    ledger_role.setup(app)
    chapter_numbers.setup(app)
    notebooks.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 3}


def unplug_remote_services(app: Sphinx, config: Config) -> None:
    for event, listeners in app.events.listeners.items():
        app.events.listeners[event] = [
            listener
            for listener in listeners
            if not listener.handler.__module__.startswith(("sphinx_thebe", "sphinx_comments"))
        ]
    app.registry.css_files = [file for file in app.registry.css_files if file[0] != "sphinx-thebe.css"]


# What is run, read and written again ---------------------------------------------------------------------------------


class Keys:
    """The keys of pages for one build: what their outputs and what their text depend on."""

    def __init__(self) -> None:
        self.sources = Sources({name: root for name, root in PACKAGES.items() if root.is_dir()})
        self.salt = installed()

    def of_outputs(self, text: str, suffix: str) -> str:
        """Return the key of all that decides a page's outputs, but the cells themselves."""
        read = [
            path.relative_to(BOOK.parent).as_posix().encode() + path.read_bytes()
            for path in files_read(text, BOOK.parent)
        ]
        salt = "".join([self.salt, *(hashlib.sha256(each).hexdigest() for each in read)])
        return self.sources.key(self.sources.needed(code_cells(text, suffix)), salt)

    def of_page(self, text: str, suffix: str) -> str:
        """Return the key of all that decides how a page reads: its text, its outputs, the numbers it cites."""
        cited = self.sources.needed(["import pixelwise.ledger"]) if ledger_role.IS_USED.search(text) else ()
        return hash_of([text, self.of_outputs(text, suffix), self.sources.key(cited)])


def pages_whose_sources_changed(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    for page in removed:
        Path(app.builder.get_outfilename(page)).unlink(missing_ok=True)
        notebooks.remove_notebook(app, page)
    app.pixelwise_keys = keys = Keys()
    known = _known(env)
    return [
        page for page in env.found_docs if page not in known or known[page][0] != keys.of_page(*_text_of(env, page))
    ]


def share_among_processes(app: Sphinx, env: BuildEnvironment, pages: list[str]) -> None:
    if app.parallel < 2 or len(pages) <= FEW:
        return  # Sphinx reads them one after the other
    # This extension, which sphinx-external-toc loads, does not declare that it may; all that it does is to number the
    # contents, after every page was read.
    app.extensions["sphinx_multitoc_numbering"].parallel_read_safe = True
    # Sphinx gives each process ten neighbours, one of which may run much longer than the others.
    sphinx.builders.make_chunks = lambda pages, processes: [[page] for page in pages]
    # A long text has much to run, by and large. Sphinx starts the first ones in their order and then goes on from the
    # end of the list.
    longest = sorted(pages, key=lambda page: -Path(env.doc2path(page)).stat().st_size)
    pages[:] = longest[: app.parallel] + longest[: app.parallel - 1 : -1]
    # Threads of several kernels that wait for each other take longer than one thread each.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // app.parallel)))


def choose_cache(app: Sphinx, page: str, source: list[str]) -> None:
    suffix = Path(app.env.doc2path(page)).suffix
    outputs = app.pixelwise_keys.of_outputs(source[0], suffix)
    folder = f"{_flat(page)}-{outputs}"
    _known(app.env)[page] = (app.pixelwise_keys.of_page(source[0], suffix), folder)
    path = _caches(app) / folder
    if code_cells(source[0], suffix):
        get_cache(path).change_cache_limit(VERSIONS_KEPT)
    app.env.mystnb_config = app.env.mystnb_config.copy(execution_cache_path=str(path))


def forget_page(app: Sphinx, env: BuildEnvironment, page: str) -> None:
    _known(env).pop(page, None)


def merge_pages(app: Sphinx, env: BuildEnvironment, pages: Iterable[str], other: BuildEnvironment) -> None:
    _known(env).update({page: keys for page, keys in _known(other).items() if page in set(pages)})


def pages_that_show_what_changed_elsewhere(app: Sphinx, env: BuildEnvironment) -> list[str]:
    labels = env.get_domain("std").data
    shown = [
        sorted((page, title.astext()) for page, title in env.titles.items()),
        sorted(labels["labels"].items()),
        sorted(labels["anonlabels"].items()),
        sorted(labels["terms"].items()),
        sorted(env.get_domain("math").equations.items()),
        sorted((page, sorted(env.toctree_includes.get(page, []))) for page in env.found_docs),
        *(Path(app.srcdir, file).read_text() for file in ("_toc.yml", *app.config.bibtex_bibfiles)),
    ]
    before, env.pixelwise_shown = getattr(env, "pixelwise_shown", None), hash_of(map(repr, shown))
    return [] if before == env.pixelwise_shown else sorted(env.found_docs)


def forget_an_unfinished_build(app: Sphinx, config: Config) -> None:
    mark = _unfinished(app)
    if mark.exists():
        (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()


def sweep(app: Sphinx, exception: Exception | None) -> None:
    if exception or app._warncount:
        return
    _unfinished(app).unlink(missing_ok=True)
    folders = [path for path in _caches(app).glob("*") if path.is_dir()]
    for page, (_, folder) in _known(app.env).items():
        old = [path for path in folders if _is_cache_of(page, path.name) and path.name != folder]
        kept = sorted(old, key=lambda path: path.stat().st_mtime)[1 - VERSIONS_KEPT :]
        folders = [path for path in folders if path.name != folder and path not in kept]
    for stale in folders:
        shutil.rmtree(stale)


def installed() -> str:
    """Return the versions of Python and of the packages that requirements.txt pins, as one string."""
    pinned = (BOOK.parent / "requirements.txt").read_text()
    versions = [sys.version]
    for name in sorted(re.findall(r"^([A-Za-z0-9][\w.-]*)", pinned, flags=re.MULTILINE)):
        try:
            versions.append(f"{name}=={importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{name} is missing")
    return "\n".join(versions)


def hash_of(texts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(hashlib.sha256(text.encode()).digest())
    return digest.hexdigest()[:16]


def _known(env: BuildEnvironment) -> dict[str, tuple[str, str]]:
    """Every page that was read, with its key and the name of its cache's folder."""
    if not hasattr(env, "pixelwise_pages"):
        env.pixelwise_pages = {}
    return env.pixelwise_pages


def _text_of(env: BuildEnvironment, page: str) -> tuple[str, str]:
    path = Path(env.doc2path(page))
    return path.read_text(encoding="utf-8-sig"), path.suffix


def _caches(app: Sphinx) -> Path:
    return Path(app.outdir).parent / ".jupyter_cache"


def _flat(page: str) -> str:
    return page.replace("/", "-")


def _is_cache_of(page: str, folder: str) -> bool:
    return re.fullmatch(re.escape(_flat(page)) + r"-[0-9a-f]{16}", folder) is not None


def _unfinished(app: Sphinx) -> Path:
    return Path(app.doctreedir) / "unfinished"


# What every page needs -----------------------------------------------------------------------------------------------


def add_static_files(app: Sphinx, config: Config) -> None:
    made = Path(app.outdir).parent / ".made_static"
    if (left := Path(app.outdir) / "_static").is_file():
        # When a first build is interrupted, the theme copies its logo to a folder that is not there yet, as a file.
        left.unlink()
    for distribution, (endings, folder) in BORROWED.items():
        try:
            files = importlib.metadata.files(distribution) or []
        except importlib.metadata.PackageNotFoundError:
            raise ExtensionError(
                f"The site takes files from the package {distribution}, which is not installed: "
                "run `pip install -r requirements.txt`."
            ) from None
        target = made / folder
        target.mkdir(parents=True, exist_ok=True)
        for ending in endings:
            found = next((file for file in files if file.as_posix().endswith(ending)), None)
            if found is None:
                raise ExtensionError(f"The installed {distribution} holds no {ending}: see requirements.txt.")
            shutil.copy2(str(found.locate()), target)
    # Imported here: Sphinx should report a missing package above before anything of ours is loaded.
    from pixelwise import palette

    (made / "palette.css").write_text(palette.css(":root"))
    config.html_static_path.append(str(made))
    # Sphinx copies static files only when it writes a page; with "html" above, a changed style sheet rewrites them. So
    # does a changed template, and what makes notebooks.
    folders = [(BOOK / name).rglob("*") for name in ("_static", "_templates", "_ext")]
    files = sorted(path for folder in folders for path in folder if path.is_file() and path.suffix != ".pyc")
    contents = [path.relative_to(BOOK).as_posix() + path.read_bytes().hex() for path in files]
    config.pixelwise_static = hash_of([*contents, palette.css(":root")])
