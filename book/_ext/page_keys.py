"""Says which of the project's files a page's outputs depend on, and gives their contents a key.

A page's code cells and the modules that they import are read with `ast`, never run. Importing `a.b.c` runs `a` and
`a.b` too, so all three count, and so does what they import in turn. A file that is no module (an explorer's script,
its style, a table of numbers) counts with the module in its folder whose name its own begins with
(`receptive_field.js` with `receptive_field.py`), and with the package where there is none such. Code that chooses at
run time what to import depends on everything: too many runs of a page are a nuisance, one too few is a lie. A page
whose cells read other files of the project lists their patterns in its front matter, as ``reads``.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path

import nbformat
import yaml
from IPython.core.inputtransformer2 import TransformerManager
from myst_nb.core.read import read_myst_markdown_notebook

# Calls that may import, or run, what the text of the code does not name.
OPAQUE_CALLS = {"__import__", "exec", "eval"}
OPAQUE_METHODS = {
    "import_module", "run_module", "run_path", "iter_modules", "walk_packages",
    "run_line_magic", "run_cell_magic", "system", "getoutput",
}  # fmt: skip
HARMLESS_MAGICS = {"matplotlib", "config", "time", "timeit", "%time", "%timeit"}


class Sources:
    """Packages in the project, by name, each with its folder; reads every file at most once."""

    def __init__(self, packages: Mapping[str, Path]) -> None:
        self.packages = dict(packages)
        self._digests: dict[Path, bytes] = {}
        self._imports: dict[str, frozenset[str] | None] = {}

    @cached_property
    def files(self) -> dict[str, list[Path]]:
        """Every module's dotted name with its own file and the files that count with it."""
        found: dict[str, list[Path]] = {}
        for package, root in self.packages.items():
            others = []
            for path in sorted(root.rglob("*")):
                inner = path.relative_to(root)
                if path.is_dir() or any(part.startswith((".", "__pycache__")) for part in inner.parts):
                    continue
                if path.suffix == ".py":
                    found[_dotted(package, inner)] = [path]
                elif path.suffix != ".pyc":
                    others.append(inner)
            for inner in others:
                found.setdefault(_owner(package, inner, found), []).append(root / inner)
        return found

    def needed(self, code: Iterable[str]) -> set[str]:
        """Return the dotted names of all modules that running `code` imports, of these packages."""
        wanted = imports(code, self)
        reached: set[str] = set()
        while wanted is not None and (new := wanted - reached):
            reached |= new
            wanted = set()
            for module in new:
                inner = self.imports_of(module)
                if inner is None:
                    return set(self.files)
                wanted |= inner
        return set(self.files) if wanted is None else reached

    def imports_of(self, module: str) -> frozenset[str] | None:
        """Return what a module imports itself; None when that cannot be known without running it."""
        if module not in self._imports:
            path = self.files[module][0]
            is_package = path.name == "__init__.py"
            names = imports([path.read_text()], self, module if is_package else module.rpartition(".")[0])
            self._imports[module] = None if names is None else frozenset(names)
        return self._imports[module]

    def key(self, modules: Iterable[str], salt: str = "") -> str:
        """Return 16 hexadecimal digits that change when a file of `modules` changes, appears or goes."""
        digest = hashlib.sha256(salt.encode())
        for module in sorted(modules):
            for path in self.files[module]:
                digest.update(f"\0{module}/{path.name}\0".encode() + self._digest(path))
        return digest.hexdigest()[:16]

    def _digest(self, path: Path) -> bytes:
        if path not in self._digests:
            self._digests[path] = hashlib.sha256(path.read_bytes()).digest()
        return self._digests[path]


@cache  # a page is asked for its cells when its keys are made, and by every link to it
def page_cells(text: str, suffix: str = ".md") -> tuple[nbformat.NotebookNode, ...]:
    """Return a page's cells. Whoever asks leaves them as they are."""
    notebook = nbformat.reads(text, 4) if suffix == ".ipynb" else read_myst_markdown_notebook(text)
    return tuple(notebook.cells)


def code_cells(text: str, suffix: str = ".md") -> list[str]:
    """Return the sources of a page's code cells, as they will be run."""
    return [cell.source for cell in page_cells(text, suffix) if cell.cell_type == "code"]


def files_read(text: str, root: Path) -> list[Path]:
    """Return the files below `root` that a page says it reads: the patterns of the list `reads` in its front matter."""
    if not text.startswith("---\n"):
        return []
    patterns = (yaml.safe_load(text.split("---\n", 2)[1]) or {}).get("reads", [])
    return sorted({path for pattern in patterns for path in root.glob(pattern) if path.is_file()})


def imports(code: Iterable[str], sources: Sources, package: str = "") -> set[str] | None:
    """Return the modules of `sources` that `code` names in its imports, their parents included.

    `package` is where relative imports start. None when the code may import what it does not name.
    """
    found: set[str] = set()
    for source in code:
        try:
            tree = ast.parse(TransformerManager().transform_cell(source))
        except SyntaxError:
            return None
        for node in ast.walk(tree):
            if _opaque(node):
                return None
            for name in _named(node, package):
                parts = name.split(".")
                found |= {".".join(parts[:n]) for n in range(1, len(parts) + 1)} & sources.files.keys()
    return found


def _named(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        start = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join([*start, *([node.module] if node.module else [])])
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)


def _opaque(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id in OPAQUE_CALLS | OPAQUE_METHODS
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in OPAQUE_METHODS:
        return False
    magic = node.args[0] if node.args else None
    return not (isinstance(magic, ast.Constant) and magic.value in HARMLESS_MAGICS)


def _dotted(package: str, inner: Path) -> str:
    parts = [package, *inner.with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _owner(package: str, inner: Path, modules: Mapping[str, list[Path]]) -> str:
    folder = ".".join([package, *inner.parent.parts])
    stems = [name for name in modules if name.rpartition(".")[0] == folder and modules[name][0].name != "__init__.py"]
    candidates = [
        name for name in stems if inner.name.startswith(tuple(f"{name.rpartition('.')[2]}{end}" for end in "._-"))
    ]
    if candidates:
        return max(candidates, key=len)
    while folder not in modules and "." in folder:
        folder = folder.rpartition(".")[0]
    return folder
