"""nbgrader's configuration: every nbgrader command works in this folder, and grades in the jail."""

from pathlib import Path

from autograder.nbgrader.config import configure

c = get_config()  # noqa: F821 - nbgrader defines it
configure(c, Path(__file__).resolve().parent)
# `make lab` reads this file too. Chapters open as text there: Jupytext would open them as notebooks, and saving one
# rewrites the source. The build makes the notebooks. (Environments that were set up earlier still have Jupytext.)
c.ServerApp.jpserver_extensions = {"jupyterlab_jupytext": False}
