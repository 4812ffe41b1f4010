"""nbgrader's configuration for a course that is graded in the jail. ``nbgrader_config.py`` calls it."""

import os
import sys
from pathlib import Path

from traitlets.config import Config

from autograder.course import places
from autograder.course.assignment import AUTHORS_ONLY
from autograder.nbgrader import backup

# nbgrader makes a new gradebook by running the command `alembic`, which an environment that is not activated hides.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def configure(c: Config, root: Path) -> None:
    """Point nbgrader at the folders of the course in ``root``, and its autograder at the jail."""
    backup.finish(root)
    c.CourseDirectory.root = str(root)
    c.CourseDirectory.course_id = root.name
    c.CourseDirectory.db_url = gradebook_url(root)
    c.CourseDirectory.source_directory = "solutions"
    c.CourseDirectory.release_directory = str(places.RELEASES)
    c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", *AUTHORS_ONLY]
    c.IncludeHeaderFooter.header = c.IncludeHeaderFooter.footer = ""
    c.Autograde.exporter_class = "autograder.nbgrader.exporter.SubmissionExporter"
    c.Autograde.pre_convert_hook = "autograder.nbgrader.hooks.before_autograde"
    # What nbgrader's own sanitizers mend one by one, the exporter's canonical notebook never has.
    c.Autograde.sanitize_preprocessors = []
    c.Autograde.autograde_preprocessors = [
        "autograder.nbgrader.execute.JailedExecute",
        "nbgrader.preprocessors.SaveAutoGrades",
        "nbgrader.preprocessors.AssignLatePenalties",
    ]
    # The first is ours; the others are what nbgrader does.
    c.GenerateFeedback.preprocessors = [
        "autograder.nbgrader.execute.WithoutRubrics",
        "nbgrader.preprocessors.GetGrades",
        "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
    ]
    # nbgrader empties a student's folder of feedback, our page included, and makes its own.
    c.GenerateFeedback.pre_convert_hook = "autograder.nbgrader.hooks.before_feedback"
    c.GenerateFeedback.post_convert_hook = "autograder.nbgrader.hooks.after_feedback"
    c.AssignLatePenalties.plugin_class = "autograder.nbgrader.late.LatePenaltyPlugin"
    c.ZipCollectApp.extractor_plugin = "autograder.nbgrader.zip_collect.SafeExtractor"
    c.ZipCollectApp.collector_plugin = "autograder.nbgrader.zip_collect.SafeCollector"
    c.ExportApp.plugin_class = "autograder.nbgrader.export.GradesCsv"


def gradebook_url(root: Path) -> str:
    """The address of a course's gradebook."""
    return f"sqlite:///{root / places.GRADEBOOK}"
