"""What `autograder.measure.plain` takes for plain code, and what it names for a second look."""

# ruff: noqa: E501 - the sources read best as the one line that they are

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.course.assignment import load_assignment, reference_sources
from autograder.grading.session import setup_cells
from autograder.measure.plain import unusual
from tests.conftest import A1, ROOT


def why(*sources: str) -> list[str]:
    return [found.why for found in unusual(sources, trusted=["import torch\nimport numpy as np"])]


ORDINARY = [
    "import torch\nimport torch.nn.functional as F\nimport numpy as np\nfrom math import ceil\nfrom itertools import product",
    "def f(x):\n    return x.unfold(2, 3, 1).unfold(3, 3, 1).reshape(x.shape[0], -1).sum(1, keepdim=True).T",
    "import torch\nmodel = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())\nmodel.eval()\nmodel[0].weight.data.fill_(1)",
    "import torch.nn as nn\nclass Net(nn.Module):\n    def __init__(self, width):\n        super().__init__()\n"
    "        self.layers = nn.ModuleList([nn.Linear(width, width)])\n    def forward(self, x):\n        for layer in self.layers:\n"
    "            x = layer(x)\n        return x",
    "from dataclasses import dataclass\n@dataclass\nclass Size:\n    rows: int\n    columns: int = 1\n    def area(self): return self.rows * self.columns\n"
    "Size(2).area()",
    "from collections import namedtuple\nPair = namedtuple('Pair', 'rows columns')\nPair(1, 2).rows",
    "from functools import lru_cache, partial\n@lru_cache\ndef f(n): return n if n < 2 else f(n - 1)\npartial(f, 2)()",
    "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.imshow([[1]])\nax.set_title('x')\nplt.show()",
    "%matplotlib inline\nimport torch",
    "%%time\ndef f(x): return x + 1\nf(1)",
    "%timeit -n 10 sum([1, 2])",
    "x = torch.ones(2)\nx.shape?",
    "import sys\nprint('wide', file=sys.stderr)\nassert sys.version_info >= (3, 10)",
    "def pool(input, size):\n    return input.amax((2, 3))",
    "print(f'{x!r:>10}', *map(abs, (1, -2)), sep='\\n')\ntry:\n    f(1)\nexcept ValueError as error:\n    print(error.args)",
    "from typing import NamedTuple\nclass Window(NamedTuple):\n    size: int\n    stride: int = 1\nWindow(2)._replace(stride=3)",
    "x = np.lib.stride_tricks.sliding_window_view(a, (2, 2))\nnp.pad(a, 1)\nnp.linalg.norm(a)",
    "getattr(x, 'shape')\nhasattr(x, 'device')\ntype(x)\nisinstance(x, torch.Tensor)",
    "def f(x):\n    match x.ndim:\n        case 2: return x\n        case _: return (y := x.sum()) + y",
    "import torch\ntorch.set_printoptions(precision=3)\nwith torch.no_grad():\n    y = torch.autograd.grad(x.sum(), x)",
    "class WindowError(ValueError):\n    pass\nraise WindowError('too wide')",
    "half = lambda x, *, scale=0.5: x * scale",
    "this is not Python at all\nand so it never runs",
    "",
]


@pytest.mark.parametrize("source", ORDINARY)
def test_what_students_write_is_plain(source):
    assert why(source) == []


def test_ordinary_solutions_of_people_who_saw_the_statement_alone_are_plain():
    trusted = [cell.source for cell in setup_cells(load_assignment(ROOT, A1))]
    sources = sorted((ROOT / "tests" / "redteam" / "ordinary").glob("*.py"))
    assert len(sources) >= 20
    assert {path.name: found for path in sources if (found := unusual([path.read_text()], trusted))} == {}


def test_the_reference_and_all_correct_variants_are_plain():
    a1 = load_assignment(ROOT, A1)
    trusted = [cell.source for cell in setup_cells(a1)]
    assert unusual([reference_sources(a1)[name] for name in a1.exercises], trusted) == []
    correct = sorted((ROOT / "solutions" / A1 / "variants" / "correct").glob("*.py"))
    assert [path.name for path in correct if unusual([path.read_text()], trusted)] == []


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import os", "imports os"),
        ("import ctypes as c", "imports ctypes"),
        ("from os import path", "uses os.path"),
        ("from . import helper", "imports from beside the notebook"),
        ("from os import *", "imports all of os"),
        ("import sys\nsys._getframe(0)", "uses sys._getframe"),
        ("import sys\nsys.modules['x']", "uses sys.modules"),
        ("import torch\ntorch._C", "uses torch._C"),
        ("import torch\ntorch.sys", "uses torch.sys"),
        ("import torch\ntorch.compile(f)", "uses torch.compile"),
        ("import torch\ntorch.jit.script(f)", "uses torch.jit"),
        ("import numpy as np\nnp.ctypeslib", "uses numpy.ctypeslib"),
        ("exec('x = 1')", "uses exec"),
        ("def f(exec): pass\nexec('x = 1')", "uses exec"),
        ("run = eval\nrun('1')", "uses eval"),
        ("__import__('os')", "uses __import__"),
        ("globals()['x'] = 1", "uses globals"),
        ("open('x')", "uses open"),
        ("getattr(x, 'a' + 'b')", "uses a name that is put together while it runs"),
        ("list(map(getattr, a, b))", "hands getattr on as a value"),
        ("type('T', (), {})", "makes a class while it runs"),
        ("import torch\nf(torch)", "hands the module torch on as a value"),
        ("f.__globals__", "uses .__globals__"),
        ("f.__code__ = g.__code__", "sets .__code__"),
        ("error.__traceback__.tb_frame", "uses .tb_frame"),
        ("g.gi_frame", "uses .gi_frame"),
        ("class A:\n    f_back = 1\nx.f_back", "uses .f_back"),
        ("x.register_hook(f)", "uses .register_hook"),
        ("x.tolist()", "uses .tolist, after which no counter sees the work"),
        ("import numpy as np\nnp.vectorize(f)", "uses numpy.vectorize, whose work no counter sees"),
        ("a.astype(object)", "makes an array of Python objects, whose sums no counter sees"),
        ("np.array(x, dtype='O')", "makes an array of Python objects, whose sums no counter sees"),
        ("import torch\nclass T(torch.Tensor): pass", "is a subclass of torch.Tensor"),
        ("class L(list): pass", "is a subclass of list"),
        ("class C(metaclass=type): pass", "is made with metaclass"),
        ("class C:\n    def __del__(self): pass", "defines __del__"),
        ("class C:\n    def __getattr__(self, name): pass", "defines __getattr__"),
        ("import torch\ntorch.conv2d = f", "changes torch.conv2d for all code that runs later"),
        ("import torch\ntorch.Tensor.add = f", "changes torch.Tensor.add for all code that runs later"),
        ("def f(c):\n    c.unfold = g", "sets .unfold, which arrays have"),
        ("__builtins__", "uses __builtins__"),
        ("get_ipython()", "uses get_ipython"),
        ("!ls", "runs another program"),
        ("files = !ls", "runs another program"),
        ("%run x.py", "runs the magic %run"),
        ("%%bash\nls", "runs the magic %bash"),
        ("%%writefile x.py\nimport os", "runs the magic %writefile"),
        ("%timeit exec('1')", "uses exec"),
        ("%%time\nimport os", "imports os"),
        ("async def f(): pass", "runs asynchronously"),
        ("cd ..", "may be a command of IPython's"),
        ("import threading\nthreading.Thread(target=f).start()", "imports threading"),
        ("import operator\noperator.attrgetter('a.b')(x)", "uses operator.attrgetter"),
        ("import string\nstring.Formatter().get_field('0.x', (f,), {})", "uses .get_field"),
        ("import typing\ntyping.get_type_hints(f)", "uses typing.get_type_hints"),
    ],
)
def test_what_is_not_plain_is_named(source, told):
    assert told in why(source)


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    def g():\n        eval = 1\n    eval('1')",
        "def f():\n    class A:\n        eval = 1\n    eval('1')",
        "def f():\n    eval = 1\n    class A:\n        a = eval('1')\n        eval = 2",
        "def f():\n    [0 for eval in ()]\n    eval('1')",
        "def f():\n    eval = 1\n    def g():\n        global eval\n        eval('1')",
        "def f(a=eval('1'), eval=None): pass",
        "def f():\n    @eval('1')\n    def g(eval): pass",
        "f = lambda eval, a=eval('1'): a",
        "class A:\n    eval = 1\n    def f(self):\n        eval('1')",
    ],
)
def test_a_name_that_is_a_variable_elsewhere_is_the_built_in_one_here(source):
    assert "uses eval" in why(source)


@pytest.mark.parametrize(
    "source",
    [
        "def f(eval):\n    return eval(1)",
        "def f(eval):\n    def g():\n        return eval(1)",
        "def f(eval):\n    def g():\n        nonlocal eval\n        eval = eval(1)",
        "def f():\n    eval = len\n    return [eval(a) for a in ()]",
        "def f(eval):\n    class A:\n        def g(self):\n            return eval(1)",
    ],
)
def test_a_variable_of_a_function_is_not_the_built_in_of_its_name(source):
    assert why(source) == []


def test_a_line_is_named_once_with_its_cell():
    (found,) = unusual(["import torch", "import torch\nimport os, ctypes\n"])
    assert (found.cell, found.line, found.text) == (1, 2, "import os, ctypes")


def test_what_a_trusted_cell_defines_is_known_and_not_judged():
    assert (
        unusual(
            ["tools.helper(1)"], trusted=["import os\nclass Tools:\n    def helper(self, x): pass\ntools = Tools()"]
        )
        == []
    )


def test_a_local_name_is_not_the_built_in_one():
    assert why("def f(vars, compile):\n    return vars + compile") == []


@pytest.mark.parametrize("source", ["x = " + "(" * 500 + ")" * 500, "a" * 2_000_000, "\0", "x = '\ud800'", "%" * 1000])
def test_no_source_stops_it(source):
    unusual([source, "import torch"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(), max_size=3))
def test_no_text_stops_it(sources):
    unusual(sources)
