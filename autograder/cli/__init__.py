"""The command line: ``autograder grade a1-convolution`` and its sisters. The only place that parses argv."""

from autograder.cli.entry import main

__all__ = ["main"]
