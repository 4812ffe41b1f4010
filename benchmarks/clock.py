"""Adds up the time that named functions take, by standing in for them while a block runs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Clock:
    """Seconds and calls by label."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()

    @contextmanager
    def around(self, owner: Any, name: str, label: str) -> Iterator[None]:
        """Clock every call of ``owner.name`` under ``label``. Calls of one label must not nest."""
        original = getattr(owner, name)

        def clocked(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return original(*args, **kwargs)
            finally:
                self.seconds[label] += time.perf_counter() - started
                self.calls[label] += 1

        setattr(owner, name, clocked)
        try:
            yield
        finally:
            setattr(owner, name, original)
