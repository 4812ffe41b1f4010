"""Why an archive, or one file of it, is not taken."""

from autograder.course.errors import AssignmentError


class ArchiveError(AssignmentError):
    """An archive of which nothing can be taken. The message is one sentence."""


class FileRefused(Exception):
    """One file that is not taken. The message says why."""
