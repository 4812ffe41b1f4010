"""Which of a submission's cells answer the written questions, also where the notebook lost its metadata.

A person grades these answers, so nothing has to be decided where it is not certain: then all that may be the answer is
given, with what is in doubt. What a cell's metadata claims is a hint here, and can only concern the student's own work.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nbformat import NotebookNode

from autograder.course.submission import Cell, Submission, words_of
from autograder.course.syntax import UNREADABLE, TooLong, syntax_tree


@dataclass(frozen=True)
class Answer:
    """What a student wrote as the answer to one question.

    ``cells`` are the places in the submission of the cells it was taken from, empty where these are shown in their own
    place as well. ``doubt`` says why a person should look whether this is the answer; empty when it is certain.
    """

    text: str
    cells: tuple[int, ...] = ()
    doubt: str = ""


def written_answers(released: Sequence[NotebookNode], submission: Submission) -> dict[str, Answer]:
    """The answers in a submission, by the ``grade_id`` of the question; a question without one is left out.

    ``released`` are the cells that students get. A cell that claims to be the answer is the answer; else the text that
    stands between the question's statement and the next cell of the author's; else what stands below the question's
    heading; else, where the question's own cells are gone, the only text in the notebook that is new.
    """
    search = _Search(released, submission)
    questions = _questions(released)
    answers: dict[str, Answer] = {}
    for statement, group in questions:
        search.by_place(statement, group, answers)
    for statement, group in questions:
        for question in group:
            if question not in answers and (found := search.below_heading(statement)):
                answers[question] = found
    missing = [(statement, question) for statement, group in questions for question in group if question not in answers]
    for statement, question in missing:
        if found := search.elsewhere(statement, question, alone=len(missing) == 1):
            answers[question] = found
    return answers


def is_written(cell: NotebookNode) -> bool:
    """Whether a released cell is one that a student writes an answer into."""
    marks = cell.metadata.get("nbgrader", {})
    return cell.cell_type != "code" and bool(marks.get("solution")) and not marks.get("locked")


def is_locked(cell: NotebookNode) -> bool:
    """Whether a released cell is one that the author locked."""
    return bool(cell.metadata.get("nbgrader", {}).get("locked"))


def _questions(released: Sequence[NotebookNode]) -> list[tuple[NotebookNode | None, list[str]]]:
    """Each locked cell that written answers follow, with the ``grade_id`` of these."""
    groups: list[tuple[NotebookNode | None, list[str]]] = []
    statement = None
    for cell in released:
        if is_written(cell):
            if not groups or groups[-1][0] is not statement:
                groups.append((statement, []))
            groups[-1][1].append(cell.metadata.nbgrader.grade_id)
        elif "nbgrader" in cell.metadata:
            statement = cell
    return groups


class _Search:
    """A submission's cells beside those of the release."""

    def __init__(self, released: Sequence[NotebookNode], submission: Submission) -> None:
        self._cells = submission.cells
        self._code = {
            c.metadata.nbgrader.grade_id for c in released if c.cell_type == "code" and "nbgrader" in c.metadata
        }
        # A copy of a cell of code claims its name wherever it is put.
        marks = {c.metadata.nbgrader.grade_id for c in released if is_locked(c) or is_written(c)}
        # Stubs say alike "your answer here", so that they mark no place.
        locked = [(words_of(cell.source), cell.metadata.nbgrader.grade_id) for cell in released if is_locked(cell)]
        counts = Counter(words for words, _ in locked)
        by_words = {words: grade_id for words, grade_id in locked if words and counts[words] == 1}
        known = {words_of(cell.source) for cell in released}
        self._texts: dict[int, str] = {}  # what the student wrote, by place: of an edited statement what is not it
        self._sections: list[str] = []  # for each cell, the last cell of the author's at or before it
        section = ""
        for place, cell in enumerate(self._cells):
            words = cell.words
            edited = "" if words in known else next((s for s in by_words if len(s) > 40 and s in words), "")
            claimed = cell.grade_id if cell.grade_id in marks else None
            section = by_words.get(words) or by_words.get(edited) or claimed or section
            self._sections.append(section)
            if words and words not in known:
                self._texts[place] = _without(cell.source, edited) if edited else cell.source.strip()
        self._taken: set[int] = set()

    def by_place(self, statement: NotebookNode | None, group: list[str], answers: dict[str, Answer]) -> None:
        """Note the answers that claim to be so, and those that stand where the questions of ``group`` are."""
        open_questions = []
        for question in group:
            named = [place for place in self._texts if self._cells[place].grade_id == question]
            if named:
                answers[question] = self._named(named)
            else:
                open_questions.append(question)
        sections = {*group, *([statement.metadata.nbgrader.grade_id] if statement else [])}
        here = [place for place in self._texts if self._sections[place] in sections and place not in self._taken]
        texts = [place for place in here if self._is_text(place)]
        prose = [place for place in here if _is_prose(self._cells[place])]
        if not open_questions:
            return
        if texts and (len(open_questions) == 1 or len(texts) == len(open_questions)):
            shares = [texts] if len(open_questions) == 1 else [[place] for place in texts]
            for question, places in zip(open_questions, shares, strict=True):
                answers[question] = self._take(places)
        elif texts:
            doubt = "it stands below a statement with several questions, and nothing says which of them it answers"
            for question in open_questions:
                answers[question] = self._take(texts, doubt)
        elif prose:
            for question in open_questions:
                answers[question] = self._take(prose, "it was typed into a code cell")

    def _named(self, places: list[int]) -> Answer:
        different = list({words_of(self._texts[place]): place for place in reversed(places)}.values())[::-1]
        if len(different) > 1:
            answer = self._take(different, f"{len(different)} cells with different text claim to be the answer")
        else:
            code = self._cells[different[0]].kind == "code"
            answer = self._take(different, "it was typed into a code cell" if code else "")
        self._taken |= set(places)
        return answer

    def below_heading(self, statement: NotebookNode | None) -> Answer | None:
        """The text below a heading like that of the statement, in a notebook that the statement was not copied to."""
        wanted = _heading(statement.source) if statement else ""
        if not wanted:
            return None
        for place in self._own_texts():
            if _heading(self._texts[place]) == wanted:
                following = [place]
                for after in range(place + 1, len(self._cells)):
                    if after not in self._texts or not self._is_text(after) or _heading(self._texts[after]):
                        break
                    following.append(after)
                return self._take(following)
        return None

    def elsewhere(self, statement: NotebookNode | None, question: str, alone: bool) -> Answer | None:
        """What else may be the answer: all text that the student wrote and that answers no other question."""
        places = self._own_texts()
        if not places:
            return None
        gone = statement is None or not {statement.metadata.nbgrader.grade_id, question} & set(self._sections)
        if alone and gone and len(places) == 1:
            return self._take(places)
        text = "\n\n".join(self._texts[place] for place in places)
        return Answer(text, (), "nothing stands below the question; this is all text that the student added elsewhere")

    def _own_texts(self) -> list[int]:
        left = [place for place in self._texts if place not in self._taken and self._is_text(place)]
        # Elsewhere, what was an exercise's cell of code is that exercise's.
        return [place for place in left if self._cells[place].grade_id not in self._code]

    def _is_text(self, place: int) -> bool:
        return self._cells[place].kind != "code"

    def _take(self, places: Iterable[int], doubt: str = "") -> Answer:
        places = tuple(places)
        self._taken |= set(places)
        text = "\n\n".join(self._texts[place] for place in places)
        if not doubt and "](attachment:" in text:
            doubt = "it shows a picture, which only the notebook as it was handed in holds"
        return Answer(text, places, doubt)


def _without(source: str, words: str) -> str:
    """What is left of ``source`` without ``words``, which it holds when spaces and line ends do not count."""
    flat, starts = words_of(source), [match.start() for match in re.finditer(r"\S+", source)]

    def at(position: int) -> int:  # of the character that stands in ``flat`` at ``position``
        before = flat[:position]
        return starts[before.count(" ")] + position - (before.rfind(" ") + 1)

    first = flat.index(words)
    return f"{source[: at(first)].strip()}\n\n{source[at(first + len(words) - 1) + 1 :].strip()}".strip()


def _heading(text: str) -> str:
    """The letters of the heading that a text begins with, without its number; empty when it begins with none."""
    first = text.strip().splitlines()[0] if text.strip() else ""
    if not first.startswith("#"):
        return ""
    return "".join(c for c in first.casefold() if c.isalnum()).lstrip("0123456789")


def _is_prose(cell: Cell) -> bool:
    """Whether a code cell holds no code: comments and texts alone, or what is not Python at all."""
    if cell.kind != "code" or cell.source.lstrip().startswith(("%", "!")):
        return False
    try:
        body = syntax_tree(cell.source).body
    except TooLong:
        return False
    except UNREADABLE:
        return "def " not in cell.source and "import " not in cell.source
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)
