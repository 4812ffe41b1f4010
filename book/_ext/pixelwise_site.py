"""What the site's build needs beyond Jupyter Book: four things that make the built folder complete and truthful.

- MathJax and the two typefaces are copied from installed packages into the site, so that no page asks the network.
- The colours of `pixelwise.palette` become a style sheet, so that pages, figures and explorers share one definition.
- The execution cache is keyed by the library's source as well. jupyter-cache knows only a notebook's own cells, and
  would show outputs of an older `pixelwise` after the library has changed.
- Thebe and the comment services, which Jupyter Book always loads, are unplugged: they prepare every page to fetch
  scripts from elsewhere, and Thebe's constants, written twice, are an error in the console.
"""

import hashlib
import importlib.metadata
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

BOOK = Path(__file__).resolve().parents[1]
LIBRARY = BOOK / "pixelwise"

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
    app.add_config_value("pixelwise_library", "", "env")
    app.add_config_value("pixelwise_static", "", "html")
    app.connect("config-inited", unplug_remote_services, priority=0)
    app.connect("config-inited", key_executions_by_library)
    app.connect("config-inited", add_static_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def unplug_remote_services(app: Sphinx, config: Config) -> None:
    for event, listeners in app.events.listeners.items():
        app.events.listeners[event] = [
            listener
            for listener in listeners
            if not listener.handler.__module__.startswith(("sphinx_thebe", "sphinx_comments"))
        ]
    app.registry.css_files = [file for file in app.registry.css_files if file[0] != "sphinx-thebe.css"]


def key_executions_by_library(app: Sphinx, config: Config) -> None:
    sources = [path for ending in ("py", "js", "css") for path in LIBRARY.rglob(f"*.{ending}")]
    key = content_hash(sources, salt=importlib.metadata.version("torch"))
    # Sphinx reads every page again when this value changes ("env" above); the cache then has nothing for them.
    config.pixelwise_library = key
    caches = Path(app.outdir).parent / ".jupyter_cache"
    if caches.is_dir():
        for stale in caches.iterdir():
            if stale.name != key:
                shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    config.nb_execution_cache_path = str(caches / key)


def add_static_files(app: Sphinx, config: Config) -> None:
    made = Path(app.outdir).parent / ".made_static"
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
    # Sphinx copies static files only when it writes a page; with "html" above, a changed style sheet rewrites them.
    config.pixelwise_static = content_hash([path for path in (BOOK / "_static").rglob("*") if path.is_file()])


def content_hash(paths: list[Path], salt: str = "") -> str:
    digest = hashlib.sha256(salt.encode())
    for path in sorted(paths):
        digest.update(path.relative_to(BOOK).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
