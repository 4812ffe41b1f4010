"""What ``check("conv2d")`` does in a student's notebook: runs the visible tests here and shows what they found.

    from autograder.check import check
    check("conv2d")

It finds the assignment in the notebook's folder (``assignment.toml`` and ``tests/test_<exercise>.py``) and the
functions in the notebook's own variables. It never raises and writes nothing to stderr, so that the cells after it
run; whatever goes wrong is a sentence in the result.
"""

from __future__ import annotations

import ast
import contextlib
import io
import linecache
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, MappingProxyType
from typing import Any

import torch

from autograder import dialect, difference, drawing, policy, render, work
from autograder.assignment import AssignmentError, Exercise, Manifest, read_manifest
from autograder.dialect import Forbidden, LocalStudent, Loops, Measurement, Mismatch, StudentError, SuiteError
from autograder.policy import Finding
from autograder.render import clean, plain, prose, readable
from autograder.report import TestResult, Verdict, worst

# The same inputs at every run, so that a student meets again what failed a minute ago. Grading draws others.
SEED = 20_230_211

_FULLY_SHOWN = 2  # failures whose evidence is open at once; that of the others unfolds


def check(exercise: str) -> None:
    """Run the visible tests of ``exercise`` on the functions of this notebook and show the result."""
    _show(examine(exercise, Path.cwd(), _namespace(sys._getframe(1).f_globals)))


def examine(exercise: str, folder: Path, namespace: Mapping[str, Any], seed: int = SEED) -> CheckResult:
    """The result of the visible tests of ``exercise`` in ``folder`` on the functions in ``namespace``. Never raises."""
    name = plain(getattr(exercise, "__name__", exercise), 100)
    started = time.perf_counter()
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed), _one_thread():
            result = _examine(name, Path(folder), namespace, seed, started, printed)
    except KeyboardInterrupt:
        return CheckResult(name, problem="The check was interrupted before it was done.")
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return CheckResult(
            name,
            problem=f"The check itself failed, not your code: {type(error).__name__}: {plain(error, 300)} "
            f"({Path(where.filename).name}, line {where.lineno}). Please tell your instructor.",
        )
    return result


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    # On tensors of a few hundred entries waking a second thread costs more than the work: three quarters of a check.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _examine(
    name: str, folder: Path, namespace: Mapping[str, Any], seed: int, started: float, printed: io.StringIO
) -> CheckResult:
    try:
        manifest = _manifest(folder)
        exercise = _exercise(name, manifest)
        suite = folder / "tests" / f"test_{name}.py"
        if not suite.is_file():
            raise AssignmentError(
                f"The visible tests of {name} are not here: {suite} is missing. Get the assignment anew."
            )
        run = dialect.run_suite(suite, LocalStudent(namespace, exercise.forbidden_operators), seed)
    except (AssignmentError, SuiteError) as error:
        return CheckResult(name, problem=plain(error, 1000))
    sources = _test_sources(suite)
    cases = tuple(
        Case(
            test,
            run.failures.get(test.name),
            tuple(run.measurements.get(test.name, ())),
            _student_frames(run.failures.get(test.name), namespace),
            sources.get(test.name.partition("[")[0], ()),
            _failed_line(run.failures.get(test.name), suite),
        )
        for test in run.results
    )
    return CheckResult(
        name,
        title=exercise.title,
        cases=cases,
        findings=tuple(_findings(name, namespace, exercise)),
        printed=plain(run.printed + printed.getvalue(), 4000),
        gate_credit=exercise.gate_credit,
        forbidden=exercise.forbid,
        suite=f"tests/{suite.name}",
        seconds=time.perf_counter() - started,
    )


def _manifest(folder: Path) -> Manifest:
    path = folder / "assignment.toml"
    if not path.is_file():
        raise AssignmentError(
            f"There is no assignment.toml in {folder}. Open the notebook in the folder that it came in, "
            "together with assignment.toml and tests/, and run it from there."
        )
    return read_manifest(path)


def _exercise(name: str, manifest: Manifest) -> Exercise:
    code = {key: each for key, each in manifest.exercise.items() if each.kind == "code"}
    if name in code:
        return code[name]
    if name in manifest.exercise:
        raise AssignmentError(
            f"{name} is a written question: a person reads and grades it, so there is nothing to check."
        )
    raise AssignmentError(f'There is no exercise called "{name}" in this assignment. It has: {", ".join(code)}.')


def _namespace(otherwise: Mapping[str, Any]) -> Mapping[str, Any]:
    shell = _shell()
    return otherwise if shell is None else shell.user_ns


def _shell() -> Any:
    # Without IPython loaded this is a plain script, and loading it would only cost a second.
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _show(result: CheckResult) -> None:
    if _shell() is not None:
        from IPython.display import display

        display(result)
        return
    text = repr(result)
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, errors="replace").decode(encoding))


# --- the result ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Frame:
    """One line of the student's that an error passed through, with the lines around it."""

    function: str
    line: int
    context: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Case:
    """One test with all there is to say about it. ``source`` is its own text, ``failed_line`` the line that failed."""

    test: TestResult
    error: BaseException | None = None
    measurements: tuple[Measurement, ...] = ()
    frames: tuple[Frame, ...] = ()
    source: tuple[tuple[int, str], ...] = ()
    failed_line: int | None = None


@dataclass(frozen=True)
class CheckResult:
    """What one check found. Shows itself as HTML in a notebook and as text elsewhere.

    ``problem`` is the sentence that there is instead of results when the tests could not be run.
    """

    exercise: str
    title: str = ""
    cases: tuple[Case, ...] = ()
    findings: tuple[Finding, ...] = ()
    printed: str = ""
    gate_credit: float = 1.0
    forbidden: tuple[str, ...] = ()
    suite: str = ""
    seconds: float = 0.0
    problem: str = ""
    by_name: Mapping[str, TestResult] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", MappingProxyType({case.test.name: case.test for case in self.cases}))

    @property
    def tests(self) -> tuple[TestResult, ...]:
        """The results of the tests, in the suite's order."""
        return tuple(case.test for case in self.cases)

    @property
    def verdict(self) -> Verdict:
        """What the tests say together; ``fault`` when they could not be run."""
        return Verdict.FAULT if self.problem else worst([test.verdict for test in self.tests])

    @property
    def passed(self) -> int:
        """How many tests pass."""
        return sum(test.verdict is Verdict.PASSED for test in self.tests)

    @property
    def attempted(self) -> bool:
        """Whether there is something to test: a function that does more than the stub."""
        return any(test.verdict is not Verdict.MISSING for test in self.tests)

    def _repr_html_(self) -> str:
        return _html(self)

    def __repr__(self) -> str:
        return _text(self)


# --- what to say of a failure ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evidence:
    """What was seen when a test failed, in the parts that both the page and the text are made of."""

    facts: tuple[str, ...] = ()
    expected: str = ""
    got: str = ""
    index: tuple[int, ...] | None = None
    clue: str = ""
    slice: difference.Slice | None = None
    error: str = ""
    frames: tuple[Frame, ...] = ()
    measured: Measurement | None = None


def _evidence(case: Case, result: CheckResult) -> Evidence:
    error, detail = case.error, case.test.detail
    match error:
        case Mismatch():
            seen = difference.explain(error.got, error.expected, error.differ)
            told = seen.facts or (_sentence(detail),)
            if error.part:
                told = (f"In part {error.part} of the result:", *told)
            if "in place" in detail:
                told = (_sentence(detail), *told)
            return Evidence(told, seen.expected, seen.got, seen.index, seen.clue, seen.slice)
        case Loops():
            measured = Measurement(error.sizes, error.works)
            return Evidence((drawing.growth(measured),), clue=_loop_hint(result.findings), measured=measured)
        case Forbidden():
            return Evidence((_sentence(detail),), clue=_allowed(error.names, result.forbidden))
        case StudentError() if case.test.verdict is Verdict.MISSING:
            return Evidence((_sentence(error.message),) if error.message else (), frames=case.frames)
        case StudentError():
            told = plain(error.message, 1200)
            return Evidence(
                error=f"{error.kind}: {told}" if told else error.kind,
                facts=() if case.frames or not error.where else (_sentence(f"it happened in {error.where}"),),
                clue=_error_hint(error),
                frames=case.frames,
            )
        case AssertionError() if str(error) and not isinstance(error, dialect.Failure):
            return Evidence((_sentence(detail),), error=plain(error, 1200))
    return Evidence((_sentence(detail),))


def _clip(text: str, limit: int = 90) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _groups(result: CheckResult) -> list[tuple[Case, Evidence, list[Case]]]:
    """The tests that do not pass, each with what was seen; those that stop in the same way are together."""
    groups: list[tuple[Case, Evidence, list[Case]]] = []
    causes: dict[tuple[object, ...], list[Case]] = {}
    for case in result.cases:
        if case.test.verdict is Verdict.PASSED:
            continue
        evidence = _evidence(case, result)
        cause = _cause(case, evidence)
        if cause in causes:
            causes[cause].append(case)
            continue
        groups.append((case, evidence, []))
        if cause:
            causes[cause] = groups[-1][2]
    return groups


def _others(cases: Sequence[Case]) -> str:
    names = ", ".join(f"“{readable(case.test.name)}”" for case in cases)
    return f"The same stops {_count(len(cases))} more: {names}." if len(cases) > 1 else f"The same stops {names}."


def _cause(case: Case, evidence: Evidence) -> tuple[object, ...]:
    """What makes two failures one: an error of one type on one line, the same operators, or a missing function."""
    match case.error:
        case Forbidden(names=names):
            return ("forbidden", names[0])
        case StudentError(kind=kind, message=message):
            return (kind, evidence.frames[-1].line if evidence.frames else message)
    return ()


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def _loop_hint(findings: Sequence[Finding]) -> str:
    lines = [f"line {found.line}: `{_clip(found.text)}`" for found in findings if found.kind == "loop"]
    if not lines:
        return ""
    more = f" (and {len(lines) - 4} more)" if len(lines) > 4 else ""
    return f"Lines of yours that loop: {'; '.join(lines[:4])}{more}."


_OPEN = (
    ("slicing", "aten::slice"),
    ("indexing", "aten::index"),
    ("padding", "aten::constant_pad_nd"),
    ("views (`unfold`, `as_strided`)", "aten::as_strided"),
    ("`reshape` and `permute`", "aten::permute"),
    ("broadcast products and sums", "aten::mul"),
    ("`gather`", "aten::gather"),
    ("matrix products and `einsum`", "aten::bmm"),
)


def _allowed(names: Sequence[str], forbidden: Sequence[str]) -> str:
    banned = [*names, *forbidden]
    open_ways = [words for words, operator in _OPEN if not work.matching([operator], banned)]
    family = ", ".join(f"`{name.removeprefix('aten::')}`" for name in names)
    return (
        f"Whatever ends in {family} counts, by whichever name it is called (`torch`, `F`, `nn`, a method). "
        f"Open to you are {', '.join(open_ways)}."
    )


def _error_hint(error: StudentError) -> str:
    text = error.message
    if "unexpected keyword argument" in text or "positional argument" in text:
        return "The tests call your function as the exercise states it: keep its parameters' names, order and defaults."
    if error.kind == "NameError":
        return "If the name is defined or imported in another cell, run that cell first."
    if "requires grad" in text or "requires_grad" in text:
        return "Gradients have to pass through your function: stay in PyTorch, and change no input in place."
    if error.kind == "RecursionError":
        return "The function calls itself without an end."
    if "must match" in text:
        return "Print the shapes of both operands just before that line: broadcasting aligns axes from the last one."
    if "shapes cannot be multiplied" in text or "is invalid for input of size" in text:
        return "Print the shape just before that line, and compare it with the one that you have in mind."
    if "view size is not compatible" in text:
        return "The tensor's memory is not contiguous: `reshape` copies where `view` cannot."
    if error.kind == "SystemExit":
        return "`exit()` ends the program; `return` ends the function."
    return ""


# --- the student's own lines -----------------------------------------------------------------------------------------


def _student_frames(error: BaseException | None, namespace: Mapping[str, Any]) -> tuple[Frame, ...]:
    """The lines of the notebook that the original error passed through, outermost first; the last is where it arose."""
    cause = error.__cause__ if isinstance(error, StudentError) else None
    frames = []
    for frame, line in traceback.walk_tb(cause.__traceback__ if cause is not None else None):
        if frame.f_globals is namespace:
            lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)
            context = tuple((n, lines[n - 1].rstrip()) for n in range(max(1, line - 2), min(len(lines), line + 1) + 1))
            frames.append(Frame(frame.f_code.co_name, line, context))
    return tuple(frames[-4:])


def _findings(name: str, namespace: Mapping[str, Any], exercise: Exercise) -> Iterator[Finding]:
    """What the source of the exercise's function, and of the notebook's functions that it uses, says."""
    functions = _reachable(name, namespace)
    cells: dict[str, str] = {}
    for function in functions:
        filename = function.__code__.co_filename
        if text := "".join(linecache.getlines(filename, function.__globals__)):
            cells[filename] = text
    # Earlier cells say under which names things were imported; only what stands in the functions themselves is told.
    history = [cell for cell in dict.fromkeys(namespace.get("In", ())) if isinstance(cell, str)][-100:]
    sources = [*history, *cells.values()]
    spans = [(f.__code__.co_filename, *_span(f)) for f in functions]
    for found in policy.inspect_source(sources, exercise.forbidden_names):
        if found.cell < len(history) or found.kind == "syntax":
            continue
        filename = list(cells)[found.cell - len(history)]
        if any(file == filename and first <= found.line <= last for file, first, last in spans):
            yield found


def _reachable(name: str, namespace: Mapping[str, Any]) -> list[FunctionType]:
    pending, found = [name], {}
    while pending and len(found) < 100:
        function = namespace.get(pending.pop())
        if isinstance(function, FunctionType) and function.__globals__ is namespace and id(function) not in found:
            found[id(function)] = function
            pending += function.__code__.co_names
    return list(found.values())


def _span(function: FunctionType) -> tuple[int, int]:
    first = function.__code__.co_firstlineno
    last, pending = first, [function.__code__]
    while pending:
        code = pending.pop()
        last = max([last, *(line for _, _, line in code.co_lines() if line)])
        pending += [constant for constant in code.co_consts if hasattr(constant, "co_lines")]
    return first, last


def _test_sources(suite: Path) -> dict[str, tuple[tuple[int, str], ...]]:
    text = suite.read_text(encoding="utf-8")
    lines = text.splitlines()
    return {
        node.name: tuple((n, lines[n - 1]) for n in range(node.lineno, (node.end_lineno or node.lineno) + 1))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
    }


def _failed_line(error: BaseException | None, suite: Path) -> int | None:
    lines = [
        entry.lineno
        for entry in traceback.extract_tb(error.__traceback__ if error is not None else None)
        if entry.filename == str(suite)
    ]
    return lines[0] if lines else None  # the test's own line; those after it are in the suite's helpers


# --- as HTML ---------------------------------------------------------------------------------------------------------

_STYLE = (
    f".pw{{{render.variables(render.LIGHT)}}}"
    f'[data-jp-theme-light="false"] .pw,[data-theme="dark"] .pw,.vscode-dark .pw{{{render.variables(render.DARK)}}}'
    # A notebook's own text and line colours, where there is a theme that names them.
    ".pw{--pw-ink:var(--jp-content-font-color1,var(--vscode-foreground,#1d2430));"
    "--pw-line:var(--jp-border-color2,var(--vscode-panel-border,#d6d8dc))}"
    '[data-theme="dark"] .pw{--pw-ink:#e4e7ec;--pw-line:#3a424f}'
    f"{render.PARTS}"
    ".pw-check{border:1px solid var(--pw-line);border-left:4px solid currentColor;border-radius:4px;"
    "padding:.7em 1em .6em;margin:.3em 0;max-width:60em;font-family:var(--jp-content-font-family,system-ui,sans-serif)}"
    ".pw-check>*{color:var(--pw-ink)}.pw-check>.pw-soft{color:var(--pw-soft)}"
    ".pw-check .pw-head{display:flex;flex-wrap:wrap;gap:0 .8em;align-items:baseline;font-size:1.1em}"
    ".pw-check .pw-head b{font-weight:600}"
    ".pw-check .pw-case{border-top:1px solid var(--pw-line);padding:.55em 0 .45em;margin-top:.5em}"
    ".pw-check .pw-case>p:first-child{margin-top:0}"
    ".pw-check .pw-foot{border-top:1px solid var(--pw-line);margin-top:.5em;padding-top:.4em;font-size:.86em}"
)


def _html(result: CheckResult) -> str:
    role, symbol, headline = _headline(result)
    title = clean(result.title or result.exercise)
    parts = [
        f'<div class="pw-head"><span><span class="pw-{role}" aria-hidden="true">{symbol}</span> <b>{title}</b></span> '
        f'<span class="pw-{role}">{prose(headline)}</span></div>'
    ]
    if result.problem or not result.attempted:
        parts.append(f"<p>{prose(result.problem or _how_to_begin(result))}</p>")
    else:
        parts.append(render.bar(result.tests))
        parts += _cases_html(result)
        parts += [f'<p class="pw-clue">{prose(sentence)}</p>' for sentence in _source_remarks(result)]
        passing = [case for case in result.cases if case.test.verdict is Verdict.PASSED]
        if passing:
            opened = " open" if len(passing) == len(result.cases) else ""
            rows = "".join(
                f"<li>{render.item(case.test)}{''.join(map(_measured_html, case.measurements))}</li>"
                for case in passing
            )
            parts.append(
                f'<details class="pw-case"{opened}><summary>{_count(len(passing))} passing</summary>'
                f"<ul>{rows}</ul></details>"
            )
        if result.printed.strip():
            parts.append(
                '<details class="pw-case"><summary>What your code printed meanwhile</summary>'
                f"<pre>{clean(result.printed.rstrip())}</pre></details>"
            )
        parts.append(f'<div class="pw-foot pw-soft">{prose(_foot(result))}</div>')
    return f'<style>{_STYLE}</style><div class="pw pw-check pw-{role}">{"".join(parts)}</div>'


def _measured_html(measured: Measurement) -> str:
    table = "" if drawing.steady(measured) else drawing.counts_table(measured)
    return f'<div style="text-indent:0" class="pw-soft">{clean(drawing.growth(measured))}{table}</div>'


def _cases_html(result: CheckResult) -> Iterator[str]:
    for place, (case, evidence, others) in enumerate(_groups(result)):
        sign = render.mark(case.test.verdict, case.test.gate)
        gate = f'<span class="pw-tag">{_gate_words(result)}</span>' if case.test.gate else ""
        head = (
            f'<p><span class="pw-{sign.role}"><span aria-hidden="true">{sign.symbol}</span>&ensp;'
            f"<b>{clean(readable(case.test.name))}</b></span> "
            f'<span class="pw-tag">{sign.word}</span>{gate}</p>'
        )
        why = f"<p>{prose(case.test.message)}</p>" if case.test.message else ""
        body = _evidence_html(evidence)
        if place >= _FULLY_SHOWN and body:
            body = f"<details><summary>{prose(_gist(evidence))}</summary>{body}{_source_html(case)}</details>"
        else:
            body += _source_html(case)
        if others:
            body += f"<p>{prose(_others(others))}</p>"
        yield f'<div class="pw-case">{head}{why}{body}</div>'


def _gist(evidence: Evidence) -> str:
    if evidence.error:
        return evidence.error.splitlines()[0][:160]
    return " ".join(evidence.facts[:2]) or "What was seen"


def _evidence_html(evidence: Evidence) -> str:
    parts = []
    if evidence.error:
        parts.append(f"<pre>{clean(evidence.error)}</pre>")
    if evidence.facts:
        parts.append(f"<p>{prose(' '.join(evidence.facts))}</p>")
    if evidence.expected or evidence.got:
        if evidence.index:
            parts[-1] = parts[-1].removesuffix("</p>") + (
                f" The first is at <code>[{', '.join(map(str, evidence.index))}]</code>:</p>"
            )
        parts.append(
            # Spans, as notebooks' style sheets have ideas of their own about definition lists.
            f'<div class="pw-versus"><span>expected</span><div><code>{clean(evidence.expected)}</code></div>'
            f"<span>got</span><div><code>{clean(evidence.got)}</code></div></div>"
        )
    if evidence.slice is not None:
        parts.append(drawing.pictures(evidence.slice))
    if evidence.measured is not None:
        parts.append(drawing.counts_table(evidence.measured))
    for frame in evidence.frames[-1:]:
        route = " → ".join(f"{f.function}, line {f.line}" for f in evidence.frames)
        parts.append(f'<p class="pw-soft">In your code: {clean(route)}</p>{render.listing(frame.context, frame.line)}')
    if evidence.clue:
        parts.append(f'<p class="pw-clue">{prose(evidence.clue)}</p>')
    return "".join(parts)


def _source_html(case: Case) -> str:
    if not case.source:
        return ""
    line = _failed_source(case)
    label = f"Where it failed: <code>{clean(line, 160)}</code>" if line else "The test"
    return f"<details><summary>{label}</summary>{render.listing(case.source, case.failed_line)}</details>"


def _failed_source(case: Case) -> str:
    return next((line.strip() for number, line in case.source if number == case.failed_line), "")


# --- as text ---------------------------------------------------------------------------------------------------------


def _text(result: CheckResult) -> str:
    _, symbol, headline = _headline(result)
    lines = [f"{symbol} {plain(result.title or result.exercise)}: {plain(headline)}"]
    if result.problem or not result.attempted:
        return "\n".join([*lines, _bare(result.problem or _how_to_begin(result))])
    for case, evidence, others in _groups(result):
        lines.append(_row(case, result))
        if case.test.message:
            lines.append(f"      {_bare(' '.join(case.test.message.split()))}")
        lines += [f"      {line}" for line in _evidence_text(evidence)]
        if line := _failed_source(case):
            lines.append(f"      The test's line: {plain(line, 160)}")
        if others:
            lines.append(f"      {plain(_others(others))}")
    for case in result.cases:
        if case.test.verdict is Verdict.PASSED:
            lines.append(_row(case, result))
            lines += [
                f"      {drawing.growth(m)}" + ("" if drawing.steady(m) else f" {drawing.counts_text(m)}.")
                for m in case.measurements
            ]
    lines += [f"  {_bare(sentence)}" for sentence in _source_remarks(result)]
    if result.printed.strip():
        lines += ["  What your code printed meanwhile:", *(f"    {x}" for x in result.printed.rstrip().splitlines())]
    return "\n".join([*lines, f"  {_bare(_foot(result))}"])


def _row(case: Case, result: CheckResult) -> str:
    sign = render.mark(case.test.verdict, case.test.gate)
    words = [] if case.test.verdict is Verdict.PASSED else [sign.word]
    words += [_gate_words(result)] if case.test.gate else []
    return f"  {sign.symbol} {plain(readable(case.test.name))}" + (f" ({'; '.join(words)})" if words else "")


def _evidence_text(evidence: Evidence) -> Iterator[str]:
    yield from evidence.error.splitlines()
    if evidence.facts:
        yield _bare(" ".join(evidence.facts))
    if evidence.expected or evidence.got:
        at = f"first at [{', '.join(map(str, evidence.index))}]: " if evidence.index else ""
        yield f"{at}expected {plain(evidence.expected)}, got {plain(evidence.got)}"
    if evidence.slice is not None and (rows := drawing.difference_text(evidence.slice)):
        yield f"{evidence.slice.name}   . equal   + too large   - too small"
        yield from (f"    {row}" for row in rows)
    if evidence.measured is not None:
        yield f"{drawing.counts_text(evidence.measured)}."
    for frame in evidence.frames[-1:]:
        yield "In your code: " + plain(" → ".join(f"{f.function}, line {f.line}" for f in evidence.frames))
        yield from (plain(f"{'→' if n == frame.line else ' '} {n:>3}  {line}") for n, line in frame.context)
    if evidence.clue:
        yield _bare(evidence.clue)


def _bare(text: str) -> str:
    return plain(text).replace("`", "")


# --- sentences that both share ---------------------------------------------------------------------------------------


def _headline(result: CheckResult) -> tuple[str, str, str]:
    """The role of its colour, a symbol, and how many tests pass."""
    if result.problem:
        return "part", "!", "could not be checked"
    if not result.attempted:
        return "calm", "○", "not written yet"
    total = len(result.tests)
    if result.passed == total:
        return "good", "✓", "the test passes" if total == 1 else f"all {total} tests pass"
    score = f"{result.passed} of {_count(total)} pass" + ("es" if total == 1 else "")
    if all(test.verdict is Verdict.PASSED for test in result.tests if not test.gate):
        return "part", "◐", f"{score}: the values are right, a gate is not passed"
    return ("part", "◐", score) if result.passed else ("bad", "✗", score)


def _count(number: int) -> str:
    return f"{number} test{'' if number == 1 else 's'}"


def _how_to_begin(result: CheckResult) -> str:
    errors = [case.error for case in result.cases if isinstance(case.error, StudentError)]
    absent = next((error for error in errors if error.kind == "NameError"), None)
    if absent is not None:
        return f"{_sentence(absent.message)[:-1]}: write it in its cell, run that cell, then run this one again."
    return (
        f"`{result.exercise}` still raises its `NotImplementedError`. Replace that line with your code, run the cell, "
        f"then run this one again: {_count(len(result.tests))} will tell you how it goes."
    )


def _gate_words(result: CheckResult) -> str:
    return f"gate: without it {result.gate_credit:.0%} of the points at most"


def _source_remarks(result: CheckResult) -> Iterator[str]:
    for found in result.findings:
        if found.kind == "call":
            yield f"Line {found.line} uses `{found.name}`, which this exercise asks you to do without: `{found.text}`"
        elif found.kind == "interpreter":
            yield f"Line {found.line} uses `{found.name}`, which grading does not allow: `{found.text}`"


def _foot(result: CheckResult) -> str:
    return f"`{result.suite}`, {result.seconds:.2f} s. Grading runs more tests like these, on other inputs."
