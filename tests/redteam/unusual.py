"""Being right in an unusual way: nothing here is an attack, and all of it must pass."""

# ruff: noqa: E501 - attacks read best as the one line that they are

from __future__ import annotations

import json
from pathlib import Path

from autograder.authoring.attacks import UNUSUAL, Attack, Target

A1 = "a1-convolution"


def right(id: str, title: str, cell: str, **more: object) -> Attack:
    return Attack(id, UNUSUAL, title, cell, ("passed",), **more)


def variant(id: str, title: str, name: str, on: str, before: str = "") -> Attack:
    """One of a1's correct variants, as a student would hand it in."""

    class Source(str):
        pass

    path = Path(__file__).parents[2] / "solutions" / A1 / "variants" / "correct" / f"{name}.py"
    source = path.read_text() if path.is_file() else "$reference"
    return right(id, title, source, on=on, only=A1)


def windows_line_ends(target: Target) -> bytes:
    tree = json.loads(target.notebook)
    for cell in tree["cells"]:
        text = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        cell["source"] = text.replace("\n", "\r\n")
    return json.dumps(tree).encode().replace(b"\\u00e9", "é".encode())


def edited_markdown(target: Target) -> bytes:
    tree = json.loads(target.notebook)
    for cell in tree["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = "Été: mes notes, α ≤ β 🎓\n"
    tree["cells"].insert(0, {"cell_type": "markdown", "metadata": {}, "source": "# Résumé"})
    return json.dumps(tree, ensure_ascii=False).encode()


RENAMED = "$reference\nright = $name\n"
ATTACKS = [
    variant("einsum-as-strided", "as_strided and einsum.", "strided_einsum", "conv2d"),
    variant("unfold-matmul", "Unfold and a matrix product.", "unfold_matmul", "conv2d"),
    variant("index-gather", "Index tables and a gather.", "gather_by_index", "conv2d"),
    variant("one-big-matrix", "The layer as one big matrix.", "one_big_matrix", "conv2d"),
    variant("another-dtype-inside", "Sums in double precision, and the result in the input's.", "double_inside", "conv2d"),
    variant("fourier-where-allowed", "Fourier transforms where the exercise allows them.", "fourier_blur", "local_contrast_norm"),
    variant("numpy", "NumPy's sliding windows.", "numpy_windows", "max_pool2d"),
    variant("classes-of-layers", "Layers as classes with a forward method.", "layer_classes", "conv2d"),
    variant("plots-and-warnings", "Prints, warns and plots.", "talkative", "conv2d"),
    right("a-plot", "A plot is drawn, shown and saved.",
          "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.savefig('figure.png'); plt.show()\n$reference"),
    right("a-decorator", "The answer stands behind a decorator with functools.wraps.",
          RENAMED + "import functools\ndef logged(f):\n    @functools.wraps(f)\n    def wrapped(*args, **kwargs):\n"
          "        return f(*args, **kwargs)\n    return wrapped\n$name = logged(right)"),
    right("a-partial", "The answer is a functools.partial.", RENAMED + "import functools\n$name = functools.partial(right)"),
    right("a-method", "The answer is a bound method.",
          RENAMED + "class Solver:\n    def solve(self, *args, **kwargs): return right(*args, **kwargs)\n$name = Solver().solve"),
    right("a-callable", "The answer is an object with __call__.",
          RENAMED + "class Solver:\n    def __call__(self, *args, **kwargs): return right(*args, **kwargs)\n$name = Solver()"),
    right("a-lambda", "The answer is a lambda.", RENAMED + "$name = lambda *args, **kwargs: right(*args, **kwargs)"),
    right("a-nested-function", "The answer is a closure that another function returns.",
          RENAMED + "def make():\n    inner = right\n    def $name(*args, **kwargs):\n        return inner(*args, **kwargs)\n"
          "    return $name\n$name = make()"),
    right("type-hints", "Type hints of every kind.",
          RENAMED + "from typing import Any, TypeVar, Protocol\nfrom dataclasses import dataclass\nT = TypeVar('T')\n"
          "@dataclass(frozen=True)\nclass Size:\n    n: int = 1\nclass Layer(Protocol):\n    def go(self) -> Any: ...\n"
          "def $name(*args: Any, **kwargs: Any) -> Any:\n    size: Size = Size()\n    return right(*args, **kwargs)"),
    right("helper-in-another-cell", "The work is done by a function in another cell.",
          "def $name(*args, **kwargs):\n    return solve(*args, **kwargs)", before=("$reference\nsolve = $name",)),
    right("helper-below", "The work is done by a function in a cell further down.",
          "def $name(*args, **kwargs):\n    return solve(*args, **kwargs)",
          after=("keep = $name\n$reference\nsolve, $name = $name, keep",)),
    right("out-of-order", "Cells were run out of order: one uses at once what stands below it.",
          "@polished\ndef $name(*args, **kwargs):\n    return solve(*args, **kwargs)",
          before=(), after=("keep = None\n$reference\nsolve = $name\ndef polished(f): return f",)),
    right("more-imports", "Many imports that nothing needs.",
          "import os, sys, math, json, itertools, collections, random, time, pathlib, warnings\nimport numpy as np\n"
          "from torch import nn\nimport torch.nn.functional as F\n$reference"),
    right("noisy", "Prints, warnings and a logger in every call.",
          RENAMED + "import warnings, logging, sys\ndef $name(*args, **kwargs):\n    print('working', [type(a) for a in args])\n"
          "    warnings.warn('careful'); print('oops', file=sys.stderr)\n    return right(*args, **kwargs)"),
    right("slow-but-allowed", "Every call takes a few hundredths of a second.",
          RENAMED + "import time\ndef $name(*args, **kwargs):\n    time.sleep(0.02)\n    return right(*args, **kwargs)"),
    right("busy-cell", "A cell computes for a second before the answer.",
          "import time\nend = time.process_time() + 0.8\nwhile time.process_time() < end: pass\n$reference"),
    right("inference-off", "The answer is computed under torch.no_grad, where no gradient is asked for.",
          RENAMED + "import torch\n@torch.no_grad()\ndef $name(*args, **kwargs):\n    return right(*args, **kwargs)",
          on="output_size", only=A1),
    right("global-settings", "Printing, seeds and a default dtype are set.",
          "import torch, numpy as np\ntorch.manual_seed(3); np.random.seed(3)\ntorch.set_printoptions(precision=2)\n"
          "np.set_printoptions(precision=2)\n$reference"),
    right("accents", "Names and text have accents.",
          RENAMED + "résultat_précédent = 'été 🎓 中文'\ndef $name(*args, **kwargs):\n    größe = right(*args, **kwargs)\n    return größe"),
    right("a-module-of-its-own", "The solution is written to a file with %%writefile and imported.",
          "import sys\nsys.path.insert(0, '.')\nfrom mine import $name", before=("%%writefile mine.py\nimport torch\nimport torch.nn.functional as F\n"
          "def pair(value): return (value, value) if isinstance(value, int) else tuple(value)\n$reference",)),
    right("a-timed-cell", "The cell begins with %%time.", "%%time\n$reference"),
    right("a-tail-of-magics", "The cell ends in magics and a question.", "$reference\n%timeit -n1 -r1 pass\nprint?\n!echo done"),
    right("tests-of-its-own", "The student's own asserts, classes of tests and a doctest stand below.",
          "$reference", after=("import unittest\nclass TestMine(unittest.TestCase):\n    def test_one(self): self.assertTrue(callable($name))\n"
                               "assert callable($name)\n'''\n>>> 1 + 1\n2\n'''",)),
    right("a-threadpool-elsewhere", "Another cell uses a pool of threads and shuts it down.", "$reference",
          before=("from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(2) as pool:\n    print(list(pool.map(str, [1, 2])))",)),
    right("a-thread-that-wakes", "A thread of the notebook's goes on for ever, and wakes fifty times a second to sleep again.", "$reference",
          before=("import threading, time\ndef tick():\n    while True: time.sleep(0.02)\n"
                  "threading.Thread(target=tick, daemon=True).start()",)),
    right("a-scratch-file", "The cell writes a file and reads it again.",
          "open('notes.txt', 'w').write('é')\nassert open('notes.txt').read() == 'é'\n$reference"),
    right("a-numpy-number", "The result is NumPy's integer instead of Python's.",
          RENAMED + "import numpy as np\ndef $name(*args, **kwargs):\n    return np.int64(right(*args, **kwargs))",
          on="output_size", only=A1),
    right("a-parameter", "The result is an nn.Parameter.",
          RENAMED + "import torch\ndef $name(*args, **kwargs):\n    return right(*args, **kwargs) * torch.ones(())", on="conv2d", only=A1),
    right("negated-view", "The result is a view with the negative bit set, as imaginary parts are.",
          RENAMED + "import torch\ndef $name(*args, **kwargs):\n    y = right(*args, **kwargs)\n"
          "    return torch.complex(y, -y).conj().imag", on="conv2d", only=A1),
    right("spread-result", "The result is a transposed, strided view.",
          RENAMED + "def $name(*args, **kwargs):\n    y = right(*args, **kwargs)\n    return y.transpose(0, -1).contiguous().transpose(0, -1)",
          on="conv2d", only=A1),
    right("a-comparison-beside", "Another cell compares with the forbidden function, as the statement advises.", "$reference",
          after=("import torch.nn.functional as F\nx, w = torch.randn(1, 2, 5, 5), torch.randn(3, 2, 3, 3)\n"
                 "print((F.conv2d(x, w) - conv2d(x, w)).abs().max())",), on="conv2d", only=A1),
    right("a-kept-figure", "A hundred megabytes of data are kept in a variable.", "import torch\nkept = torch.zeros(25_000_000) + 1\n$reference"),
    Attack("windows-line-ends", UNUSUAL, "The file has Windows line ends and accents.", wanted=("passed",), file=windows_line_ends, beside=None),
    Attack("edited-markdown", UNUSUAL, "Every text was edited.", wanted=("passed",), file=edited_markdown, beside=None),
    Attack("student-with-accents", UNUSUAL, "The student is called Émilie O'Brien-Ñandú 中文.", wanted=("passed",), file=lambda t: t.notebook,
           student="Émilie O'Brien-Ñandú 中文", beside=None),
]  # fmt: skip
