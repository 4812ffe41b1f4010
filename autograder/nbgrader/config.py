"""nbgrader's configuration for a course that is graded in the jail. ``nbgrader_config.py`` calls it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from traitlets.config import Config

from autograder.nbgrader.hooks import gradebook_url

# nbgrader makes a new gradebook by running the command `alembic`, which an environment that is not activated hides.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def configure(c: Config, root: Path) -> None:
    """Point nbgrader at the folders of the course in ``root``, and its autograder at the jail."""
    c.CourseDirectory.root = str(root)
    c.CourseDirectory.course_id = "pixelwise"
    c.CourseDirectory.db_url = gradebook_url(root)
    c.CourseDirectory.source_directory = "solutions"
    c.CourseDirectory.release_directory = "assignments"
    c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__"]
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
    c.AssignLatePenalties.plugin_class = "autograder.nbgrader.late.LateSteps"
    c.ZipCollectApp.extractor_plugin = "autograder.nbgrader.collect.SafeExtractor"
    c.ZipCollectApp.collector_plugin = "autograder.nbgrader.collect.SafeCollector"
    c.ExportApp.plugin_class = "autograder.nbgrader.export.GradesCsv"
