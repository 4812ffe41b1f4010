"""Tells which of some operators a call used, where no count of its work is asked for.

A `TorchDispatchMode` would tell as well, but it takes microseconds for every operator of every call: with it, grading a
submission takes an eighth longer (measured side by side).
"""

import functools
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import torch

from autograder.measure.work import BACKWARD, graph_task, matches, matching


class _OperatorWatcher:
    """Registers a kernel in front of an operator's own that notes its use and calls it, for operators of some patterns.

    These kernels stand where a `TorchDispatchMode` would see operators, below autograd, and an operator without one
    costs nothing. They are reached during `watch` alone.
    """

    # The key of a dispatcher's table that no released kernel uses; without one an operator falls through it.
    _NAME = "Fake"
    _KEY = torch._C._dispatch_key_parse(_NAME)

    def __init__(self) -> None:
        self._patterns: tuple[str, ...] = ()
        self._libraries: dict[str, torch.library.Library] = {}
        self._registered: set[str] = set()
        self._known = (0, 0)
        self._used: Counter[str] | None = None
        self._backward = _BackwardCounter()

    def register(self, patterns: Iterable[str]) -> None:
        """Register kernels for all operators that match ``patterns``, besides those that have them."""
        if not self._libraries:
            self._library("_").fallback(torch.library.fallthrough_kernel, self._NAME)
        self._patterns += tuple(p for p in patterns if p not in self._patterns)
        self._known = self._defined()
        for operator in torch._C._dispatch_get_all_op_names():
            name, _, overload = operator.partition(".")
            if operator not in self._registered and matches(name, self._patterns):
                self._register(name, overload or "default")
                self._registered.add(operator)

    @staticmethod
    def _defined() -> tuple[int, int]:
        """Changes when a library brings operators of its own, be it native or written in Python."""
        return len(torch.ops.loaded_libraries), len(torch.library._defs)

    def _register(self, name: str, overload: str) -> None:
        namespace, _, base = name.partition("::")
        operator = getattr(getattr(getattr(torch.ops, namespace), base), overload)
        self._library(namespace).impl(operator, self._kernel(name, operator), self._NAME)

    def _library(self, namespace: str) -> torch.library.Library:
        if namespace not in self._libraries:
            self._libraries[namespace] = torch.library.Library(namespace, "IMPL")
        return self._libraries[namespace]

    def _kernel(self, name: str, operator: Any) -> Callable[..., Any]:
        def note_and_call(*args: Any, **kwargs: Any) -> Any:
            if self._used is not None:
                self._used[name] += 1
            # What an operator is made of is not what was called, so nothing is noted within.
            with torch._C._ExcludeDispatchKeyGuard(torch._C.DispatchKeySet(self._KEY)):
                return operator(*args, **kwargs)

        return note_and_call

    def watch(self, call: Callable[[], Any], backward: bool, used: Counter[str]) -> Any:
        """Run ``call``; count in ``used`` the registered operators that it uses and, if asked, autograd's engine."""
        if self._known != self._defined():
            self.register(())
        runs = self._backward.runs() if backward else 0
        self._used = used
        try:
            with torch._C._IncludeDispatchKeyGuard(self._KEY):
                return call()
        finally:
            self._used = None
            if backward and (more := self._backward.runs() - runs - 1):
                used[BACKWARD] = more


class _BackwardCounter:
    """Tells how often autograd's engine has run. The engine numbers its runs, so a run of our own reads the number."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        leaf = torch.zeros((), requires_grad=True)
        leaf.register_hook(lambda _: self._numbers.append(graph_task()))
        self._leaf, self._result, self._one = leaf, leaf * 1, torch.ones(())

    def runs(self) -> int:
        """The number of this run."""
        with torch.inference_mode(False):
            torch.autograd.Variable._execution_engine.run_backward(
                (self._result,), (self._one,), True, False, (self._leaf,), True, accumulate_grad=False
            )
        return self._numbers.pop()


_watcher = _OperatorWatcher()


@functools.lru_cache(maxsize=256)
def prepare(patterns: tuple[str, ...]) -> None:
    """Do what `used_operators` does once for its ``patterns``, which takes tens of milliseconds."""
    _watcher.register(patterns)


def used_operators(
    call: Callable[[], Any], patterns: tuple[str, ...], noted: Counter[str] | None = None
) -> tuple[Any, dict[str, int]]:
    """Run ``call``; returns its value and the operators matching ``patterns`` that it dispatched, with their counts.

    Of an operator made of others only the outermost counts. ``autograd::backward`` is a run of autograd's engine.
    ``noted`` is given the same counts, also of a call that raises.
    """
    if not patterns:
        return call(), {}
    prepare(patterns)
    found: Counter[str] = Counter()
    try:
        value = _watcher.watch(call, matches(BACKWARD, patterns), found)
    finally:
        used = {name: found[name] for name in matching(found, patterns)}
        if noted is not None:
            noted.update(used)
    return value, used
