"""Stands in for parts of nbgrader and nbconvert while a class is recorded, for the time that they would take.

nbgrader offers no way to give its converters an open gradebook, nor nbconvert one to leave a pass over a page out.
Together they would take most of the time of recording.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from nbconvert.exporters import html
from nbgrader.api import Gradebook
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from autograder.nbgrader.database import open_gradebook


class SessionOfOneSubmission(Session):
    """A database session in which nbgrader's many commits of one submission wait for `settle`."""

    def commit(self) -> None:
        """What nbgrader calls: bring the database's own sums up to date, as a commit does, and keep all of it back."""
        self.flush()
        self.expire_all()

    def settle(self) -> None:
        """Commit what was kept back."""
        super().commit()


@contextlib.contextmanager
def one_gradebook(root: Path) -> Iterator["SessionOfOneSubmission"]:
    """Let all of nbgrader's steps share one open gradebook; gives its session, which settles what they wrote.

    nbgrader opens the gradebook anew in every step of every submission and looks through all of its tables, SQLAlchemy
    compiles every query anew each time, and every cell is a transaction of its own that waits for the disk. So a
    submission is also recorded whole or not at all. Raises `GradebookError` when the gradebook cannot be used.
    """
    originals = Gradebook.__init__, Gradebook.close
    with open_gradebook(root) as opened:
        opened.db.remove()
        opened.db = scoped_session(sessionmaker(class_=SessionOfOneSubmission, bind=opened.engine, future=True))

        def share(self: Gradebook, *_: object, **__: object) -> None:
            self.__dict__.update(opened.__dict__)

        Gradebook.__init__, Gradebook.close = share, lambda self: None
        try:
            yield opened.db()
        finally:
            Gradebook.__init__, Gradebook.close = originals


class _NotParsed:
    """Stands in for BeautifulSoup, with which nbconvert looks for images without a text for longer than it renders."""

    def __init__(self, page: str, features: str) -> None:
        self._page = page

    def select(self, selector: str) -> tuple[()]:
        return ()

    def __str__(self) -> str:
        return self._page


class _RenderedOnce(html.MarkdownWithMath):
    """Renders each text once: what the author wrote is the same in every submission. A quarter of a page's time."""

    pages: ClassVar[dict[str, str]] = {}

    def render(self, text: str) -> str:
        if self.renderer.attachments:
            return super().render(text)
        if len(self.pages) > 1000:
            self.pages.clear()
        if text not in self.pages:
            self.pages[text] = super().render(text)
        return self.pages[text]


@contextlib.contextmanager
def pages_made_once() -> Iterator[None]:
    """Let nbconvert render each text once and parse no finished page again."""
    originals = html.BeautifulSoup, html.MarkdownWithMath
    html.BeautifulSoup, html.MarkdownWithMath = _NotParsed, _RenderedOnce
    try:
        yield
    finally:
        html.BeautifulSoup, html.MarkdownWithMath = originals
