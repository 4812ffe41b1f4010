"""nbgrader's configuration: every nbgrader command works in this folder, and grades in the jail."""

from pathlib import Path

from autograder.nbgrader.config import configure

configure(get_config(), Path(__file__).resolve().parent)  # noqa: F821 - nbgrader defines get_config
