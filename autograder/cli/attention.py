"""The list of what an instructor should look at, which collect and grade end with."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from autograder.course.attention import Attention


def show_attention(console: Console, taken: Sequence[str], attention: Sequence[Attention]) -> None:
    """Print what was found in another place and taken, and what needs a look; nothing when there is neither."""
    for sentence in taken:
        console.print(f"found in another place and taken: {escape(sentence)}", soft_wrap=True)
    if attention:
        console.print(f"{len(attention)} need{'s' if len(attention) == 1 else ''} a look:", soft_wrap=True)
    for each in attention:
        console.print(f"  {escape(str(each))}", soft_wrap=True)
