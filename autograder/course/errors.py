"""What can go wrong that is nobody's submission: the author's to mend, the machine's, or ours."""

import errno
import json
import traceback
from pathlib import Path

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NOT_ALLOWED = {errno.EROFS, errno.EACCES, errno.EPERM}
OTHER_KIND = {
    errno.EISDIR: "a folder where a file should be",
    errno.ENOTDIR: "below a file where a folder should be",
    errno.EEXIST: "a file where a folder should be",
}


class AssignmentError(Exception):
    """Something an author can mend. The message is one sentence that says what, where, and what to do."""


class GradingError(Exception):
    """A fault of the harness or of a suite, never of the submission."""


def in_a_sentence(error: BaseException) -> str:
    """What any exception says, in one sentence: what is wrong, where, and what to do."""
    match error:
        case AssignmentError() | GradingError():
            return str(error)
        case OSError():
            return _of_the_system(error)
        case MemoryError():
            return "this machine's memory is used up; end other programs, or grade with fewer processes: --jobs 1"
        case UnicodeDecodeError():
            return (
                f"a file that should be text in UTF-8 is not ({error.reason} at byte {error.start}); save it as UTF-8"
            )
        case json.JSONDecodeError():
            return f"a file that should be JSON is not ({error.msg}, line {error.lineno}); it may have been cut short"
    line = next(iter(str(error).splitlines()), "")
    about = f"{type(error).__name__}: {line}" if line else type(error).__name__
    at = traceback.extract_tb(error.__traceback__)
    where = f", {Path(at[-1].filename).name} line {at[-1].lineno}" if at else ""
    return (
        f"this is a fault of autograder's own ({about}{where}); what was finished is kept, "
        "and `autograder --debug …` shows where it is"
    )


def is_of_the_machine(error: BaseException | None) -> bool:
    """Whether the machine is what failed, so that whatever comes next may fail as well: no room, not allowed."""
    machine = NO_ROOM | NOT_ALLOWED | OTHER_KIND.keys()
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in machine)


def _of_the_system(error: OSError) -> str:
    where = error.filename or "a file"
    why = (error.strerror or str(error) or type(error).__name__).lower()
    if error.errno in NO_ROOM:
        return f"{where} could not be written ({why}); make room and run the same command again: nothing was lost"
    if error.errno in NOT_ALLOWED:
        return f"{where} may not be read or written ({why}); allow it, or name another place, and run the command again"
    if error.errno in OTHER_KIND:
        return f"{where} is {OTHER_KIND[error.errno]}; move away what is there and run the same command again"
    if error.errno == errno.ENOENT and error.filename:
        return f"{where} does not exist; name one that does, or put it there"
    return f"{where}: {why}" if error.filename else why
