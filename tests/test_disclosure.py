"""What a report tells of an error in a call: what the source and fixed tables hold, and nothing of an input."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.course.verdict import Verdict
from autograder.grading.disclosure import Disclosure
from autograder.grading.grade import grade_submission

SOURCE = """class Odd(Exception): pass
def shrink(x, stride=1):
    if stride < 1: raise ValueError("the stride is too small")
    if x is None: raise Odd(f"no {x} of {stride} is here")
    raise KeyError("%d of %s is missing" % (stride, x), "field {} is wrong".format(x))"""


def told(kind="ValueError", message="", where=""):
    return Disclosure([SOURCE, "%matplotlib inline\nshrink(2)", "no python ("]).told(kind, message, where)


# --- what is told -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ValueError", "Odd", "LinAlgError", "KeyboardInterrupt", "ExceptionGroup"])
def test_a_known_kind_is_named(kind):
    assert told(kind) == f"it raised {kind}"


def test_a_message_that_stands_in_the_source_is_told():
    assert told(message="the stride is too small") == "it raised ValueError: the stride is too small"


def test_a_line_that_stands_in_the_source_is_told():
    assert told(where="line 2 of the cell: shrink(2)") == "it raised ValueError (line 2 of the cell: shrink(2))"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("no tensor(7) of 3 is here", "no … of … is here"),
        ("7 of tensor([1]) is missing", "… of … is missing"),
        ("field 12.5 is wrong", "field … is wrong"),
        ("mat1 and mat2 shapes cannot be multiplied (8x27 and 9x4)", "mat1 and mat2 shapes cannot be multiplied (…)"),
        ("The size of tensor a (3) must match the size of tensor b (5) at non-singleton dimension 1",
         "The size of tensor a (…) must match the size of tensor b (…) at non-singleton dimension …"),
        ("shape '[2, 3]' is invalid for input of size 8", "shape '…' is invalid for input of size …"),
        ("'Tensor' object has no attribute 'stride'", "'Tensor' object has no attribute 'stride'"),
        ("'Tensor' object has no attribute 'x70617373'", "'Tensor' object has no attribute '…'"),
        ("shrink() takes 1 positional argument but 7 were given",
         "shrink() takes … positional argument but … were given"),
        ("name 'stride' is not defined", "name 'stride' is not defined"),
        ("shrink is not written yet", "shrink is not written yet"),
    ],
)  # fmt: skip
def test_what_was_filled_into_a_message_is_left_out(message, shown):
    assert told(message=message) == f"it raised ValueError: {shown}"


# --- what is not --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Secret123", "", "valueError", "x" * 80])
def test_a_kind_that_was_not_known_is_not_named(kind):
    assert told(kind) == "it raised an exception"


@pytest.mark.parametrize("message", ["0.123", "the stride is too small: 4", "…", "the stride is", "no 1 of", "\n"])
def test_a_message_that_fits_nothing_is_not_told(message):
    assert told(message=message) == "it raised ValueError"


@pytest.mark.parametrize(
    ("where", "shown"),
    [
        ("line 2 of the cell: 0.125", " (line 2 of the cell)"),
        ("line 0002 of the cell", " (line 2 of the cell)"),
        ("line ２ of the cell", " (line 2 of the cell)"),
        ("line 6 of the cell: shrink(2)", ""),
        ("line 0 of the cell", ""),
        (f"line {'9' * 280} of the cell", ""),
        ("0.125", ""),
    ],
)
def test_a_line_that_does_not_stand_in_the_source_is_not_told(where, shown):
    assert told(where=where) == f"it raised ValueError{shown}"


@given(st.text(max_size=200), st.text(max_size=2000), st.text(max_size=300))
def test_nothing_is_told_but_what_was_known(kind, message, where):
    """The words of a sentence are the source's, the tables', or the ellipsis."""
    assert set(told(kind, message, where)) <= set(told("Odd")) | set(SOURCE) | set("an exception…")


def test_a_long_message_is_compared_in_no_time():
    source = "f'" + "{x}a" * 300 + "b'"
    assert Disclosure([source]).told("ValueError", "a" * 2000, "") == "it raised ValueError"


# --- in a report --------------------------------------------------------------------------------------------------

DIGITS = "''.join(str(abs(float(v)) % 1)[2:9] for v in getattr(a, 'flatten', lambda: [a])())"
WAYS = {
    "as a message": "raise ValueError(told)",
    "as a formatted message": "raise ValueError(f'the value {told} is wrong')",
    "as a type's name": "raise type('E' + told, (Exception,), {})()",
    "as a group": "raise ExceptionGroup(told, [ValueError(told)])",
    "as a key": "raise KeyError(told)",
    "as a missing attribute": "return getattr(3, 'a' + told)",
    "as a missing name": "return eval('a' + told)",
    "as a line of source": "exec(compile('\\n' * 3 + 'raise ValueError() # ' + told, '<cell>', 'exec'))",
    "as a line's text": "import linecache\n    code = compile('raise ValueError()', '<cell line>', 'exec')\n"
    "    linecache.cache['<cell line>'] = (1, None, [told + '\\n'], '<cell line>')\n    exec(code)",
    "as a function's name": "space = {}\n    exec(compile(f'def a{told}(): raise NotImplementedError',"
    " '<cell>', 'exec'), space)\n"
    "    return space['a' + told]()",
    "as a missing argument": "space = {}\n    exec(f'def f(a{told}): pass', space)\n    return space['f']()",
    "as a returned type's name": "return type('T' + told, (), {})()",
    "as a file that is missing": "return open('/' + told)",
    "as what was printed": "print(told)\n    raise ValueError",
    "as a string to convert": "return int('a' + told)",
    "as a warning": "import warnings\n    warnings.simplefilter('error')\n    warnings.warn(told)",
}


@pytest.mark.parametrize("way", WAYS)
def test_no_report_holds_a_hidden_input(way, a1, submit, supervisor):
    source = f"def im2col(a, *args, **kwargs):\n    told = {DIGITS}[:60]\n    {WAYS[way]}"
    mark = "".join(f"def im2col(a, *args, **kwargs):\n    told = {DIGITS}[:60]\n    raise ValueError(told)")
    seen = []

    class Listening(Disclosure):
        def told(self, kind, message, where):
            seen.append(message)
            return super().told(kind, message, where)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autograder.grading.session.Disclosure", Listening)
        grade_submission(a1, submit(mark), supervisor, 7, only=["im2col"])
    inputs = {message for message in seen if len(message) > 20}
    assert len(inputs) > 3  # the control: whole messages do hold them
    report = grade_submission(a1, submit(source), supervisor, 7, only=["im2col"])
    text = report.model_dump_json()
    assert report.exercise("im2col").verdict in (Verdict.ERROR, Verdict.WRONG, Verdict.MISSING)
    assert not [each for each in inputs if each[:12] in text or each[5:17] in text]


def test_a_suite_sees_the_whole_message(supervisor, tmp_path):
    from autograder.course.limits import Limits
    from autograder.measure.calls import Call, Mode

    with supervisor.sandbox(Limits(), tell=Disclosure([SOURCE]).told) as sandbox:
        sandbox.run("def f(x): raise ValueError(f'stride {x} is odd')")
        with pytest.raises(ValueError, match="stride 17 is odd") as caught:
            sandbox.call(Call("f", Mode.VALUE, (17,)))
    assert "17" not in caught.value.detail
