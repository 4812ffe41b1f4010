"""One line that says how far a long run is; only terminals see it, pages and logs stay without."""

import sys
import time


class Progress:
    """A line on stderr if that is a terminal, rewritten at most five times a second, removed by `close`."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total = what, total
        self.start = time.monotonic()
        self.shown, self.first = -1.0, 0
        self.visible = sys.stderr.isatty()

    def show(self, done: int, note: str = "") -> None:
        """Say that `done` of the total are done, with a note."""
        now = time.monotonic()
        if not self.visible or now - self.shown < 0.2:
            return
        if self.shown < 0:
            # A continued run does not begin at 0: only what was done since then tells how fast it is.
            self.first, self.start = done, now
        self.shown = now
        rate = (now - self.start) / max(done - self.first, 1)
        left = f", about {max(1, round(rate * (self.total - done) / 60))} min left" if done > self.first else ""
        line = f"{self.what}: {done} of {self.total}{left}{', ' * bool(note)}{note}"
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Remove the line."""
        if self.visible and self.shown >= 0:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
