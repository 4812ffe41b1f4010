"""What a change makes the site's build run, read and write again: just enough, never too little; and what it prints."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "book" / "_ext"))

from page_keys import Sources, code_cells, files_read  # noqa: E402


@pytest.fixture
def library(tmp_path):
    """Makes a package `lib` of files and returns its sources, read regrade."""

    def sources(files):
        for path, text in files.items():
            (tmp_path / "lib" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "lib" / path).write_text(text)
        return Sources({"lib": tmp_path / "lib"})

    return sources


TREE = {
    "__init__.py": "",
    "plots.py": "from lib import palette\n",
    "palette.py": "",
    "stacks.py": "from .arithmetic import Conv\n",
    "arithmetic.py": "class Conv: ...\n",
    "zoo/__init__.py": "from lib.zoo import vgg\n",
    "zoo/vgg.py": "from .. import stacks\n",
    "explorers/__init__.py": "from lib.explorers.stepper import Stepper\n",
    "explorers/stepper.py": "from lib.explorers import host\nclass Stepper: ...\n",
    "explorers/host.py": "",
    "explorers/stepper.js": "",
    "explorers/stepper_vectors.json": "{}",
    "explorers/frame.css": "",
}


@pytest.mark.parametrize(
    ("cell", "modules"),
    [
        ("import math, torch", set()),
        ("import lib", {"lib"}),
        ("import lib.plots as p", {"lib", "lib.plots", "lib.palette"}),
        ("from lib import plots", {"lib", "lib.plots", "lib.palette"}),
        ("def late():\n    from lib import stacks", {"lib", "lib.stacks", "lib.arithmetic"}),
        ("from lib.arithmetic import Conv", {"lib", "lib.arithmetic"}),
        ("from lib import zoo", {"lib", "lib.zoo", "lib.zoo.vgg", "lib.stacks", "lib.arithmetic"}),
        ("from lib.explorers import Stepper", {"lib", "lib.explorers", "lib.explorers.stepper", "lib.explorers.host"}),
        ("%matplotlib inline\nimport lib", {"lib"}),
    ],
)
def test_a_cell_needs_what_it_imports_and_what_that_imports(library, cell, modules):
    assert library(TREE).needed([cell]) == modules


def test_a_page_may_say_which_files_it_reads(tmp_path):
    for name in ("a/x.json", "a/y.py", "b/x.json", "b/c/x.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    page = "---\nreads:\n  - '*/x.json'\n  - a/*\n---\n\n# A page\n"
    assert files_read(page, tmp_path) == [tmp_path / "a/x.json", tmp_path / "a/y.py", tmp_path / "b/x.json"]
    assert files_read("---\nkernelspec: {}\n---\n", tmp_path) == files_read("# A page", tmp_path) == []


@pytest.mark.parametrize(
    "cell",
    [
        "import importlib\nimportlib.import_module(name)",
        "__import__(name)",
        "exec(text)",
        "%run other.py",
        "!python other.py",
        "this is no Python",
    ],
)
def test_a_cell_that_may_import_anything_needs_everything(library, cell):
    sources = library(TREE)
    assert sources.needed([cell]) == set(sources.files)


def test_a_method_called_eval_is_not_the_function(library):
    assert library(TREE).needed(["network.eval()"]) == set()


def test_a_module_that_may_import_anything_needs_everything(library):
    sources = library(TREE | {"palette.py": "import pkgutil\nlist(pkgutil.iter_modules(__path__))"})
    assert sources.needed(["from lib import plots"]) == set(sources.files)


def key(sources, cell):
    return sources.key(sources.needed([cell]))


@pytest.mark.parametrize(
    ("changed", "cell", "matters"),
    [
        ("arithmetic.py", "from lib import zoo", True),
        ("arithmetic.py", "from lib import plots", False),
        ("__init__.py", "from lib import plots", True),
        ("explorers/stepper.js", "from lib.explorers import Stepper", True),
        ("explorers/stepper.js", "from lib import zoo", False),
        ("explorers/stepper_vectors.json", "from lib.explorers.stepper import Stepper", True),
        ("explorers/stepper_vectors.json", "import lib.explorers.host", True),  # the package imports the stepper
        ("explorers/frame.css", "import lib.explorers.host", True),  # nobody's in particular, so the package's
        ("explorers/frame.css", "from lib import zoo", False),
    ],
)
def test_a_key_follows_the_files_that_matter_and_no_others(library, changed, cell, matters):
    assert (key(library(TREE), cell) != key(library(TREE | {changed: TREE[changed] + "\n"}), cell)) == matters


def test_a_new_file_beside_a_module_changes_its_key(library):
    cell = "import lib.explorers.stepper"
    assert key(library(TREE), cell) != key(library(TREE | {"explorers/stepper.css": ""}), cell)


def test_only_code_cells_are_read():
    page = PAGE.format(title="One", cell="import lib") + "\n```python\nimport math\n```\nimport nothing\n"
    assert code_cells(page) == ["import lib"]


# Real builds of a small book, with the extension and the configuration of the real one --------------------------------

PAGE = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# {title}

```{{code-cell}} python3
{cell}
```
"""
RUNS = 'with open("../runs.txt", "a") as runs:\n    runs.write("{0}\\n")'
LEDGER = """
from pixelwise import arithmetic

def printed(key, which):
    return f"it is {arithmetic.answer()}"
"""


BUILD = (sys.executable, str(ROOT / "book" / "build_site.py"))  # what `make site` runs


class Book:
    """A small book in a folder, built as the real one is; its cells log that they ran."""

    def __init__(self, root):
        self.root, self.runs = root, root / "book" / "runs.txt"
        shutil.copytree(ROOT / "book" / "_ext", root / "book" / "_ext", ignore=shutil.ignore_patterns("__pycache__"))
        for folder in ("_static", "_templates"):
            shutil.copytree(ROOT / "book" / folder, root / "book" / folder)
        for file in ("_config.yml", "requirements.txt", "book/references.bib", "book/pixelwise/palette.py"):
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, root / file)
        self.write("book/pixelwise/__init__.py", "")
        self.write("book/pixelwise/plots.py", "colour = 'blue'\n")
        self.write("book/pixelwise/arithmetic.py", "def answer():\n    return 41\n")
        self.write("book/pixelwise/ledger.py", LEDGER)
        self.chapter("fields", "from pixelwise import arithmetic\nprint('answer', arithmetic.answer())")
        self.chapter("pictures", "from pixelwise import plots\nprint('colour', plots.colour)")
        self.write("book/index.md", "# Start\n\nSee {ref}`fields`. The number: {ledger}`number`.\n")
        pages = "".join(f"\n  - file: book/chapters/{name}" for name in ("fields", "pictures"))
        self.write("_toc.yml", f"format: jb-book\nroot: book/index\nchapters:{pages}\n")

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def chapter(self, name, cell, title=None, more=""):
        text = PAGE.format(title=title or name.title(), cell=f"{RUNS.format(name)}\n{cell}")
        self.write(f"book/chapters/{name}.md", text.replace("\n# ", f"\n({name})=\n# ") + more)

    def build(self, succeeds=True):
        """Build; return which pages' cells ran and which pages were written."""
        before = {path: path.stat().st_mtime_ns for path in self.html.rglob("*.html")}
        self.runs.unlink(missing_ok=True)
        built = self.run(*BUILD)
        assert (built.returncode == 0) == succeeds, built.stdout + built.stderr
        self.printed = built.stdout
        written = {
            path.stem for path in (self.html / "book").rglob("*.html") if before.get(path) != path.stat().st_mtime_ns
        }
        return set(self.runs.read_text().split()) if self.runs.exists() else set(), written

    def run(self, *command):
        return subprocess.run(command, cwd=self.root, env=self.environment, capture_output=True, text=True, timeout=300)

    @property
    def environment(self):
        return os.environ | {"PYTHONPATH": str(self.root / "book"), "TERM": "xterm"}

    @property
    def html(self):
        return self.root / "_build" / "html"

    @property
    def notebooks(self):
        """Every notebook's name and when it was written."""
        return {path.stem: path.stat().st_mtime_ns for path in (self.html / "notebooks").rglob("*.ipynb")}

    def reads(self, name):
        return (self.html / "book" / name).with_suffix(".html").read_text()


ALL = {"index", "fields", "pictures"}


# Sphinx writes the page that holds the contents whenever a page below it is read.
START = {"index"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    book = Book(tmp_path_factory.mktemp("made") / "book")
    assert book.build() == ({"fields", "pictures"}, ALL)
    book.first_printed = book.printed
    shutil.copytree(book.root, book.root.with_name("kept"), copy_function=shutil.copy2)
    return book


@pytest.fixture
def book(made):
    """The small book as it was after its first build, in the same place."""
    shutil.rmtree(made.root)
    shutil.copytree(made.root.with_name("kept"), made.root, copy_function=shutil.copy2)
    return made


def test_no_change_runs_and_writes_nothing(book):
    assert book.build() == (set(), set())


def test_a_changed_cell_runs_and_writes_its_page_alone(book):
    book.chapter("pictures", "print('new output')")
    assert book.build() == ({"pictures"}, START | {"pictures"})
    assert "new output" in book.reads("chapters/pictures")


def test_changed_prose_writes_its_page_and_runs_nothing(book):
    page = book.root / "book" / "chapters" / "pictures.md"
    page.write_text(page.read_text() + "\nOne more sentence.\n")
    assert book.build() == (set(), START | {"pictures"})
    assert "One more sentence." in book.reads("chapters/pictures")


def test_a_changed_library_file_runs_the_pages_that_import_it_and_rereads_those_that_cite_it(book):
    book.write("book/pixelwise/arithmetic.py", "def answer():\n    return 42\n")
    assert book.build() == ({"fields"}, START | {"fields"})
    assert "answer 42" in book.reads("chapters/fields")
    assert "it is 42" in book.reads("index")


def test_a_change_that_keeps_the_old_time_is_seen(book):
    file = book.root / "book" / "pixelwise" / "plots.py"
    times = file.stat()
    file.write_text("colour = 'cyan'\n")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert book.build() == ({"pictures"}, START | {"pictures"})
    assert "colour cyan" in book.reads("chapters/pictures")


def test_a_cell_taken_back_to_what_it_was_shows_its_old_output_without_a_run(book):
    page = book.root / "book" / "chapters" / "pictures.md"
    before = page.read_text()
    book.chapter("pictures", "print('for a moment')")
    book.build()
    page.write_text(before)
    assert book.build() == (set(), START | {"pictures"})
    assert "for a moment" not in book.reads("chapters/pictures")


def test_a_changed_title_is_shown_by_every_page_and_runs_nothing(book):
    page = book.root / "book" / "chapters" / "fields.md"
    page.write_text(page.read_text().replace("# Fields", "# Meadows"))
    assert book.build() == (set(), ALL)
    assert "Meadows" in book.reads("index") and "Meadows" in book.reads("chapters/pictures")


def test_a_new_equation_is_counted_where_another_page_refers_to_it_and_runs_nothing(book):
    fields, pictures = (book.root / "book" / "chapters" / f"{name}.md" for name in ("fields", "pictures"))
    second = "\n$$2 = 2$$ (second)\n"
    fields.write_text(fields.read_text() + second)
    pictures.write_text(pictures.read_text() + "\nEquation {eq}`second`.\n")
    toc = book.root / "_toc.yml"
    toc.write_text(toc.read_text().replace("chapters/fields", "chapters/fields\n    title: 7b · Fields"))
    book.build()
    assert "(7b.1)" in book.reads("chapters/fields") and "(7b.1)" in book.reads("chapters/pictures")
    fields.write_text(fields.read_text().replace(second, "\n$$1 = 1$$ (first)\n" + second))
    assert book.build() == (set(), ALL)
    assert all("(7b.2)" in book.reads(f"chapters/{name}") for name in ("fields", "pictures"))
    assert re.search(r"<h1>.*7b · .*Fields", book.reads("chapters/fields"))
    assert "<title>7b · Fields" in book.reads("chapters/fields")


def test_a_page_that_has_gone_leaves_the_site(book):
    (book.root / "book" / "chapters" / "pictures.md").unlink()
    toc = book.root / "_toc.yml"
    toc.write_text(toc.read_text().replace("\n  - file: book/chapters/pictures", ""))
    book.build()
    assert not (book.html / "book" / "chapters" / "pictures.html").exists()


def test_a_changed_page_writes_its_notebook_alone(book):
    before = book.notebooks
    assert before.keys() == {"fields", "pictures"}
    book.chapter("pictures", "print('new output')")
    book.build()
    assert {name for name, written in book.notebooks.items() if written != before[name]} == {"pictures"}
    assert "new output" in (book.html / "notebooks" / "chapters" / "pictures.ipynb").read_text()


def test_a_page_without_cells_and_a_page_that_has_gone_leave_no_notebook(book):
    book.write("book/chapters/pictures.md", "(pictures)=\n# Pictures\n\nNo cell.\n")
    book.build()
    assert book.notebooks.keys() == {"fields"}
    assert not (book.html / "_static" / "notebooks" / "chapters" / "pictures.ipynb.js").exists()
    assert ["pw-notebook" in book.reads(f"chapters/{name}") for name in ("fields", "pictures")] == [True, False]
    (book.root / "book" / "chapters" / "fields.md").unlink()
    book.write("book/index.md", "# Start\n")
    book.write("_toc.yml", "format: jb-book\nroot: book/index\nchapters:\n  - file: book/chapters/pictures\n")
    book.build()
    assert book.notebooks == {}


def test_a_first_build_that_was_interrupted_does_not_stand_in_the_next_ones_way(book):
    shutil.rmtree(book.html)
    book.html.mkdir()
    (book.html / "_static").write_text("what the theme leaves: its logo, in place of the folder")
    book.build()
    assert (book.html / "_static").is_dir()


def test_a_warning_fails_the_next_build_too_although_nothing_changed_since(book):
    page = book.root / "book" / "chapters" / "pictures.md"
    page.write_text(page.read_text() + "\n{ref}`to nowhere`\n")
    book.build(succeeds=False)
    runs, _ = book.build(succeeds=False)
    assert runs == set()
    page.write_text(page.read_text().replace("{ref}`to nowhere`", "{ref}`fields`"))
    assert book.build() == (set(), ALL)


def test_a_failing_cell_fails_the_build_until_it_is_mended(book):
    book.chapter("pictures", "raise RuntimeError('out of paint')")
    for _ in range(2):
        runs, _ = book.build(succeeds=False)
        assert runs == {"pictures"}
    book.chapter("pictures", "print('mended')")
    book.build()
    assert "mended" in book.reads("chapters/pictures")


# Many pages at once ---------------------------------------------------------------------------------------------------

MANY = [f"page{number}" for number in range(8)]
# Ends when the cell of the other page runs too.
MEET = """
import time
from pathlib import Path

Path("../{me}.here").touch()
deadline = time.monotonic() + 60
while not Path("../{other}.here").exists():
    assert time.monotonic() < deadline, "{other} does not run beside {me}"
    time.sleep(0.05)
print("{me} met {other}")
"""


def after(name):
    return MANY[(MANY.index(name) + 1) % len(MANY)]


def one_of_many(book, name, cell, more=""):
    """Write a page that has a formula of its own and refers to the next page and its formula."""
    links = f"\n{{ref}}`{after(name)}` {{eq}}`eq-{after(name)}`\n\n$$1 = 1$$ (eq-{name})\n"
    book.chapter(name, cell, more=links + more)


@pytest.fixture
def large(book):
    """The small book with eight pages more."""
    for name in MANY:
        one_of_many(book, name, f"print('{name}')")
    toc = book.root / "_toc.yml"
    toc.write_text(toc.read_text() + "".join(f"\n  - file: book/chapters/{name}" for name in MANY) + "\n")
    return book


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core runs one page at a time")
def test_the_two_longest_of_many_pages_run_side_by_side(large):
    for me, other in (("page2", "page6"), ("page6", "page2")):
        one_of_many(large, me, MEET.format(me=me, other=other), more="\nA longer page. " * 20)
    runs, written = large.build()
    assert runs == set(MANY) and written >= set(MANY)
    for me, other in (("page2", "page6"), ("page6", "page2")):
        assert f"{me} met {other}" in large.reads(f"chapters/{me}")


def test_pages_read_by_several_processes_refer_to_each_other_and_are_kept(large):
    assert large.build() == (set(MANY), ALL | set(MANY))
    printed = re.findall(r"executed page (\d) of \d+: book/chapters/(\w+)", large.printed)
    assert [number for number, _ in printed] == list("12345678") and {name for _, name in printed} == set(MANY)
    for name in MANY:
        page = large.reads(f"chapters/{name}")
        assert f'href="{after(name)}.html"' in page and f'href="{after(name)}.html#equation-eq-{after(name)}"' in page
    assert large.build() == (set(), set())
    one_of_many(large, "page3", "print('new output')")
    assert large.build()[0] == {"page3"}


def test_a_failing_cell_in_one_of_many_pages_fails_the_build_and_is_printed(large):
    one_of_many(large, "page5", "raise RuntimeError('out of paint')")
    large.build(succeeds=False)
    assert "RuntimeError: out of paint" in large.printed.splitlines()


# What a build prints --------------------------------------------------------------------------------------------------


def without_times(text):
    return re.sub(r"\d+ s\b", "… s", text)


def test_a_build_prints_a_line_for_each_page_that_is_executed_and_the_rest_is_in_the_log(book):
    assert without_times(book.first_printed).splitlines() == [
        "== building the site (3 pages; log in _build/site.log)",
        "   executed page 1 of 3: book/chapters/fields, … s",
        "   executed page 2 of 3: book/chapters/pictures, … s",
        "   built in … s",
    ]
    log = (book.root / "_build" / "site.log").read_text()
    assert "Running Sphinx" in log and "build succeeded" in log and "\x1b" not in log


def test_on_a_terminal_a_build_shows_one_line_that_changes(book):
    book.chapter("pictures", "print('new output')")
    built = book.run("script", "--quiet", "--return", "--command", shlex.join(BUILD), "/dev/null")
    assert built.returncode == 0
    assert "executing page 1 of 1: book/chapters/pictures" in built.stdout
    lines = [line.rpartition("\x1b[2K")[2] for line in built.stdout.splitlines()]
    assert without_times("\n".join(line for line in lines if "\x1b" not in line)).splitlines() == [
        "== building the site (3 pages; log in _build/site.log)",
        "   built in … s",
    ]


def test_a_build_that_fails_prints_what_is_wrong_and_where_the_log_is(book):
    book.chapter("pictures", "raise RuntimeError('out of paint')", more="\n{ref}`to nowhere`\n")
    book.build(succeeds=False)
    lines = book.printed.splitlines()
    assert any("chapters/pictures.md" in line and "undefined label: 'to nowhere'" in line for line in lines)
    assert "RuntimeError: out of paint" in lines
    assert lines[-1] == "The site was not built. Everything that Jupyter Book printed is in _build/site.log."
    assert len(lines) < 20


def test_a_build_that_cannot_start_prints_why(book):
    config = book.root / "_config.yml"
    config.write_text(config.read_text().replace("pixelwise_site: book/_ext", "no_such_extension: book/_ext"))
    book.build(succeeds=False)
    assert "No module named 'no_such_extension'" in book.printed


ENDLESS = "import time\ntime.sleep(1000)"


def wait_for(something, seconds=100):
    deadline = time.monotonic() + seconds
    while not (found := something()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def kernels(of):
    """The kernels that a process has started, directly or not."""
    found = []
    for process in psutil.Process(of).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if any("ipykernel" in word for word in process.cmdline()):
                found.append(process)
    return found


# Kernels need a second or two to start. Notebook clients that are told to end meanwhile may wait for them for ever.
@pytest.mark.parametrize("seconds", [0, 0.7, 1.4, 2.1, 2.8])
@pytest.mark.parametrize("pages", ["book", "large"])
def test_a_build_that_is_terminated_leaves_no_process_behind(pages, seconds, request):
    book = request.getfixturevalue(pages)
    book.chapter("pictures", ENDLESS)
    with subprocess.Popen(BUILD, cwd=book.root, env=book.environment, stdout=subprocess.PIPE, text=True) as building:
        wait_for(lambda: kernels(building.pid))
        time.sleep(seconds)
        started = psutil.Process(building.pid).children(recursive=True)
        building.terminate()
        assert psutil.wait_procs(started, timeout=60)[1] == []
        said = building.communicate(timeout=60)[0]
    assert building.returncode == 1
    assert said.splitlines()[-1].startswith("The build was stopped, and the site is not whole.")


def test_a_build_that_is_interrupted_at_the_terminal_ends_in_a_sentence(large):
    large.chapter("pictures", ENDLESS)
    building = subprocess.Popen(
        BUILD,
        cwd=large.root,
        env=large.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    with building:
        wait_for(lambda: kernels(building.pid))
        os.killpg(building.pid, signal.SIGINT)  # as a terminal does it
        said = building.communicate(timeout=60)[0]
    assert building.returncode == 1 and "Traceback" not in said
    assert said.splitlines()[-1].startswith("The build was stopped, and the site is not whole.")


def test_an_error_in_the_reading_of_one_page_ends_those_that_run_beside_it(large):
    longest = MANY[0]
    one_of_many(large, longest, ENDLESS, more="\nA longer page. " * 40)
    large.write("book/index.md", "# Start\n\nThe number: {ledger}`number`." + "\nA longer page. " * 20)
    large.write("book/pixelwise/ledger.py", "raise RuntimeError('out of ink')")
    large.build(succeeds=False)  # in less time than run() gives it
    assert "RuntimeError: out of ink" in large.printed
