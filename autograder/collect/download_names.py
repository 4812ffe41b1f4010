"""How learning-management systems name the files of a download: a row for each, as a regular expression.

Its groups say whose a file is (``student_id``, and ``person``, a number where there is one), its own name
(``file_id``), and when it was handed in (``timestamp``).
"""

MOODLE = r"(?P<student_id>[^_/]+)_(?P<person>\d+)_assignsubmission_(?:file|onlinetext)"  # also the name of a folder
KNOWN_NAMES = {
    "Moodle": rf"{MOODLE}_(?P<file_id>.+)",
    "Canvas": r"(?P<student_id>[^_/]+)_(?:LATE_)?(?P<person>\d+)_\d+_(?P<file_id>.+)",
    "Blackboard": r".+_(?P<student_id>[^_/]+)_attempt_(?P<timestamp>\d{4}(?:-\d\d){5})_(?P<file_id>.+)",
}
ATTEMPT = r"-\d{1,3}| ?\(\d{1,3}\)"  # what systems and browsers add to the name of a second file
