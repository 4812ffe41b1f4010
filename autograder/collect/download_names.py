"""How learning-management systems name the files of a download: a row for each, as a regular expression.

Its groups say whose a file is (``student_id``, and ``person``, a number where there is one), its own name
(``file_id``), when it was handed in (``timestamp``, with a zone, or ``local_time``), and that it was ``late``.
"""

MOODLE = r"(?P<student_id>[^_/]+)_(?P<person>\d+)_assignsubmission_(?:file|onlinetext)"
KNOWN_NAMES = {
    "Moodle": rf"{MOODLE}_(?P<file_id>.+)",
    "Canvas, anonymous": r"(?P<late>LATE_)?(?P<student_id>anon_[A-Za-z0-9]+)_\d+_(?P<file_id>.+)",
    "Canvas": r"(?P<student_id>[^_/]+)_(?P<late>LATE_)?(?P<person>\d+)_\d+_(?P<file_id>.+)",
    "Blackboard": r".+_(?P<student_id>[^_/]+)_attempt_(?P<timestamp>\d{4}(?:-\d\d){5})_(?P<file_id>.+)",
}
# What systems call the folder of each student. GitHub Classroom's begins with the assignment; see `owners`.
KNOWN_FOLDERS = {
    "Moodle": rf"{MOODLE}_?",
    "Brightspace": r"(?P<person>\d+)-\d+ - (?P<student_id>.+) - (?P<local_time>[A-Z][a-z]{2} \d+, \d{4} \d{3,4} [AP]M)",
    "Gradescope": r"(?P<student_id>submission_\d+)",
}
# What these systems put around such folders.
KNOWN_WRAPPERS = r"assignment_\d+_export"
# Names that stand for nobody until the system's list is looked at, with what to do then.
ANONYMOUS = {
    r"Participant_\d+": "Moodle hides names; once they are shown, its grading worksheet has these numbers with names",
    r"anon_[A-Za-z0-9]+": "Canvas hides names; download again when grading is no longer anonymous",
    r"submission_\d+": "Gradescope gives no names here; its submission_metadata.yml has these numbers with names",
}
ATTEMPT = r"-\d{1,3}| ?\(\d{1,3}\)"  # what systems and browsers add to the name of a second file
