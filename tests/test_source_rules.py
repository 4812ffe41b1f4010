"""What `autograder.measure.source_rules` finds in source, and that no source stops it."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.course.syntax import MAX_CHARACTERS
from autograder.measure.reach import reached_lines
from autograder.measure.source_rules import Finding, SourceReading

CONV = "torch.nn.functional.conv2d"


def inspect_source(sources: list[str], forbid: Sequence[str] = ()) -> list[Finding]:
    return SourceReading(sources).findings(forbid)


def names(kind: str, *sources: str, forbid: tuple[str, ...] = ()) -> set[str]:
    return {found.name for found in inspect_source(sources, forbid) if found.kind == kind}


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch.nn.functional.conv2d(x, w)",
        "import torch.nn.functional as F\nF.conv2d(x, w)",
        "from torch.nn import functional as F\nF.conv2d(x, w)",
        "from torch.nn.functional import conv2d",
        "from torch.nn.functional import conv2d as c\nc(x, w)",
        "from torch.nn.functional import *\nconv2d(x, w)",
        "import torch.nn.functional as F\ng = F.conv2d\ng(x, w)",
        "import torch.nn.functional as F\nf, g = 1, F.conv2d\ng(x, w)",
        "import torch as t\nF = t.nn.functional\ndef f(x, w):\n    return F.conv2d(x, w)",
        "import torch.nn.functional as F\ngetattr(F, 'conv2d')(x, w)",
        "import torch.nn.functional as F\nvars(F)['conv2d'](x, w)",
        "import torch.nn.functional as F\nF.__dict__['conv2d'](x, w)",
        "import importlib\nimportlib.import_module('torch.nn.functional').conv2d(x, w)",
        "__import__('torch.nn.functional').conv2d(x, w)",
        "import sys\nsys.modules['torch.nn.functional'].conv2d(x, w)",
        "import torch.nn.functional as F\n(conv := F.conv2d)(x, w)",
        "import torch.nn.functional as F\nfrom functools import partial\npartial(F.conv2d, stride=2)(x, w)",
    ],
)
def test_a_forbidden_name_is_found_under_every_other_name(source):
    assert CONV in names("call", source, forbid=("torch.nn.functional.conv*",))


def test_an_import_in_one_cell_names_things_in_the_others():
    found = inspect_source(["y = F.conv2d(x)", "import torch.nn.functional as F"], [CONV])
    assert [(each.cell, each.line, each.text) for each in found] == [(0, 1, "y = F.conv2d(x)")]


def test_a_module_covers_everything_under_it_and_nothing_beside_it():
    assert not names("call", "import scipyx.signal", forbid=("scipy",))
    assert names("call", "import scipy.signal as s\ns.convolve2d(a, b)", forbid=("scipy",)) == {
        "scipy.signal",
        "scipy.signal.convolve2d",
    }


def test_an_own_function_of_the_same_name_is_not_the_forbidden_one():
    source = "import torch.nn.functional as F\ndef conv2d(x):\n    return F.pad(x, (1, 1))\nconv2d(x)"
    assert not names("call", source, forbid=(CONV, "scipy"))


def test_a_method_of_an_unknown_object_is_found_by_a_wildcard():
    assert names("call", "y = x.unfold(2, 3, 1)", forbid=("*.unfold",)) == {"unfold"}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import sys\nsys.settrace(None)", "sys.settrace"),
        ("from sys import settrace as s\ns(None)", "sys.settrace"),
        (
            "from torch.utils._python_dispatch import TorchDispatchMode",
            "torch.utils._python_dispatch.TorchDispatchMode",
        ),
        ("from autograder.measure import work", "autograder.measure.work"),
    ],
)
def test_what_attacks_the_counter_is_named(source, name):
    assert name in names("counter", source)


def test_an_ordinary_notebook_is_no_attack():
    source = (
        "import torch, math, sys\nimport numpy as np\nfrom autograder.check import check\n"
        "print(sys.version)\nmodel.eval()\nre.compile('a')\ntorch.compile(f)\ncheck('conv2d')"
    )
    assert inspect_source([source]) == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("for i in x: pass", "for"),
        ("while True: break", "while"),
        ("[i for i in x]", "list comprehension"),
        ("sum(i for i in x)", "generator expression"),
        ("map(f, x)", "map"),
        ("from functools import reduce\nreduce(f, x)", "functools.reduce"),
        ("from itertools import accumulate as a\na(x)", "itertools.accumulate"),
        ("import numpy as np\nnp.vectorize(f)(x)", "numpy.vectorize"),
        ("x.apply_(f)", "apply_"),
        ("x.tolist()", "tolist"),
        ("def f(n):\n    return f(n - 1)", "recursion"),
    ],
)
def test_loops_are_hinted_at(source, name):
    assert name in names("loop", source)


def test_a_finding_says_where_it_is():
    assert inspect_source(["", "def f(x):\n    for row in x:  # é\n        pass\n"]) == [
        Finding("loop", "for", 2, 1, "for row in x:  # é", "f")
    ]


@pytest.mark.parametrize(
    "source",
    [
        "%matplotlib inline\nfor i in x: pass",
        "!pip install torch\nfor i in x: pass",
        "%%time\nfor i in x: pass",
        "names = !ls\nfor i in x: pass",
        "torch.pad?\nfor i in x: pass",
        "rest = 7\n%timeit f(x)\nfor i in range(rest\n   % 5): pass",
    ],
)
def test_magics_do_not_hide_the_python_around_them(source):
    assert names("loop", source) == {"for"}
    assert not names("syntax", source)


def test_another_languages_cell_is_not_read():
    assert inspect_source(["%%bash\nfor i in 1 2; do echo $i; done"]) == []


@pytest.mark.parametrize(
    "source",
    [
        "x = (",
        "a\0b",
        "\ud800",
        "(" * 100_000,
        "-" * 200_000 + "1",
        "x" + ".a" * 50_000,
        "x = " + "+".join("x" * 50_000),
        "[" * 90 + "]" * 91,
        "#" * (MAX_CHARACTERS + 1),
    ],
)
def test_a_cell_that_cannot_be_read_costs_only_itself(source):
    found = inspect_source([source, "for i in x: pass"])
    assert [each.kind for each in found] == ["syntax", "loop"]
    assert len(found[0].text) <= 200


def test_names_bound_to_themselves_over_and_over_take_no_time():
    found = inspect_source(["import torch as a\n" + "\n".join(f"a = a.x{i}\nb = a.y{i}\na = b.z" for i in range(300))])
    assert found == []


def test_a_bad_escape_in_the_source_does_not_warn(recwarn):
    inspect_source(["x = '\\d'"])
    assert not recwarn.list


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=3))
def test_no_text_raises(sources):
    inspect_source(sources, ["*"])


# The function of an exercise, and beside it a line that tries it with a name that the function has for something else.
TRIED = "out = F.conv2d(x, w)\nassert close(layer(x, w), out)"


@pytest.mark.parametrize(
    "body",
    [
        "out = x * w\n    return out",
        "for out in x: pass\n    return 0",
        "with x as out: return out",
        "def inner(out): return out\n    return inner(x)",
        "return (lambda out: out)(x)",
        "return [out for out in x if out > 0]",
        "return {k: out for k in x for out in k}",
        "def inner():\n        nonlocal out\n        out = 1\n    out = 0\n    inner()\n    return out",
        "return x.out",
        "return w(out=x)",
    ],
)
def test_a_variable_of_a_function_is_not_the_notebooks_of_that_name(body):
    cells = [f"def layer(x, w):\n    {body}", TRIED]
    assert not any(cell for cell, _ in reached_lines(cells, "layer"))


@pytest.mark.parametrize(
    "body",
    [
        "return out",
        "global out\n    out = 0\n    return out",
        "class Inner:\n        out = out\n    return Inner.out",
        "return [x for x in out]",
        "return [out for out in out]",
        "return [y for x in w for y in out]",
        "def inner(x=out): return x\n    return inner()",
        "def inner():\n        out = 1\n    inner()\n    return out",
        "return (lambda: out)()",
        "out.append(1)",
    ],
)
def test_a_variable_of_the_notebook_is_reached(body):
    cells = [f"def layer(x, w):\n    {body}", TRIED]
    assert (1, 1) in reached_lines(cells, "layer")
