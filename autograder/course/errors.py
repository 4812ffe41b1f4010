"""What can go wrong that is nobody's submission: the author's to mend, or ours."""


class AssignmentError(Exception):
    """Something an author can mend. The message is one sentence that says what, where, and what to do."""


class GradingError(Exception):
    """A fault of the harness or of a suite, never of the submission."""
