"""Counts the work that a call does and says whether it loops.

Python-level work is counted in interpreter opcodes, through ``sys.settrace``; tensor work in operators that reach
PyTorch's dispatcher. Vectorised code does the same number of both whatever the size of its input; a ``for``, a
comprehension, recursion, ``map``, ``np.vectorize`` or a TorchScript loop does more of one of them when the input grows.
Neither count depends on the machine or on what else it is doing, so one measurement at each size decides.
"""

import functools
import gc
import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import CodeType, FrameType
from typing import Any

import torch
from torch._library import simple_registry
from torch.utils._python_dispatch import TorchDispatchMode

# Autograd's way back, which is not an operator itself and is forbidden like one.
BACKWARD = "autograd::backward"

# Bound here so that code which later patches the modules does not change what the counter calls.
_settrace, _gettrace = sys.settrace, sys.gettrace
_collects, _collect_later, _collect_again = gc.isenabled, gc.disable, gc.enable


@dataclass(frozen=True)
class Work:
    """The work of one call: interpreter opcodes, and dispatched operators by name (``aten::convolution``).

    An operator that autograd's engine runs on its way back counts as ``autograd::backward`` as well.
    """

    opcodes: int
    operators: dict[str, int] = field(default_factory=dict)
    intact: bool = True

    @property
    def dispatched(self) -> int:
        """How many operators were dispatched in all."""
        return sum(self.operators.values())


class _OperatorCounter(TorchDispatchMode):
    """Counts operators. It runs once for each, thousands of times a submission, so it does as little as it can."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[Any, int] = {}
        self._backward = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Otherwise PyTorch wraps the method below so that its first call imports the compiler, which takes seconds.
        return False

    def __torch_dispatch__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self._seen[func] = self._seen.get(func, 0) + 1
        # The way back through a view has no operator of its own, but whatever runs inside the engine tells.
        if graph_task() != -1:
            self._backward += 1
        return func(*args, **kwargs) if kwargs else func(*args)

    def counts(self) -> dict[str, int]:
        """How often each operator was dispatched, all its overloads together."""
        found: Counter[str] = Counter()
        for func, count in self._seen.items():
            found[func._schema.name] += count
        if self._backward:
            found[BACKWARD] = self._backward
        return dict(found)


graph_task = torch._C._current_graph_task_id
# The code that PyTorch itself runs in Python for each dispatched operator, which is counted by itself.
_uncounted = {
    function.__code__
    for function in (
        _OperatorCounter.__torch_dispatch__,
        torch._ops.OpOverload.__call__,
        simple_registry.find_torch_dispatch_rule,
        simple_registry.SimpleLibraryRegistry.find,
        simple_registry.GenericTorchDispatchRuleHolder.find,
    )
}
_uncounted.add(_OperatorCounter.counts.__code__)
_switched: list[str] = []


def watch_tracing() -> None:
    """From now on note when anything but `measure` sets a trace or profile function. There is no way to stop it."""
    mine, note = measure.__code__, _switched.append
    frame, wanted = sys._getframe, frozenset({"sys.settrace", "sys.setprofile"})

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in wanted and frame(1).f_code is not mine:
            note(event)

    sys.addaudithook(hook)


@functools.cache
def _look_operators_up() -> None:
    """Do for every operator what PyTorch does, in Python, when one meets a mode for the first time."""
    for name in torch._C._dispatch_get_all_op_names():
        simple_registry.singleton.find(name)


def leave_uncounted(*functions: Callable[..., Any]) -> None:
    """Count no opcode of these functions of our own, nor of those within them; what they call counts."""
    pending = [function.__code__ for function in functions]
    while pending:
        code = pending.pop()
        _uncounted.add(code)
        pending += [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def measure(
    call: Callable[[], Any], noted: Counter[str] | None = None, after: Callable[[], Any] = lambda: None
) -> Work:
    """The work of ``call()``, which is run once; what it raises is passed on.

    ``noted`` is given the counts of its operators, also of a call that raises. The opcodes of ``after``, which packs
    what the call returned, belong to the call: an object of the student's may leave its work until then. Its operators
    do not: they copy what is to be sent.
    """
    _look_operators_up()
    opcodes = 0
    entered = left = 0

    def local(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal opcodes, left
        if event == "opcode":
            opcodes += 1
        elif event == "return" and frame.f_trace_opcodes:
            left += 1
        return local

    def enter(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal entered
        if frame.f_code in _uncounted:
            return None
        entered += 1
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return local

    before = _gettrace()
    mode = _OperatorCounter()
    counts: dict[str, int] = {}
    _switched.clear()
    collects = _collects()
    _collect_later()  # Python's steps at the end of an object that something else left behind are none of the call's
    with mode:
        _settrace(enter)
        try:
            try:
                call()
            finally:
                counts = mode.counts()
            after()
        finally:
            intact = _gettrace() is enter and entered == left and not _switched
            _settrace(before)
            if collects:
                _collect_again()
            if noted is not None:
                noted.update(counts)
    return Work(opcodes, counts, intact)


def grows(works: Sequence[Work]) -> bool:
    """Whether the counts, at growing sizes, show a loop: more at every size, or much more at the last than the first.

    Counts are exact, so even one opcode more at each size is a loop. A single step is not: code may take another branch
    for a larger input, which changes the count once: by whatever it is where the two largest inputs have one count, and
    by little where there is nothing to compare that with (40 opcodes and 2 operators are let pass).
    """
    names = set().union(*(w.operators for w in works))
    every = [([w.operators.get(name, 0) for w in works], 2) for name in names]
    for counts, step in [([w.opcodes for w in works], 40), ([w.dispatched for w in works], 2), *every]:
        pairs = list(itertools.pairwise(counts))
        if len(pairs) > 1 and counts[-1] == counts[-2]:
            continue  # it has stopped growing
        always = all(a < b for a, b in pairs)
        if always or (all(a <= b for a, b in pairs) and counts[-1] - counts[0] > step):
            return True
    return False


def matching(names: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Those operator ``names`` that match one of the ``patterns`` (shell wildcards, ``aten::*conv*``)."""
    wanted = tuple(patterns)
    return sorted({name for name in names if matches(name, wanted)})


@functools.lru_cache(maxsize=4096)  # a few hundred operators and a dozen patterns meet thousands of times
def matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
