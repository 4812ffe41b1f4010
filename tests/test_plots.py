"""Figures: what the library draws, and that their texts keep a least size on a phone."""

import re

import torch

from pixelwise import plots


def test_a_grid_of_numbers_shows_each_with_zeros_faint_and_squares_framed():
    _, ax = plots.figure()
    plots.numbers(ax, torch.tensor([[0, -2, 7], [3, 0, 1]]), "map", boxes=[(0, 1, 2)])
    assert [text.get_text() for text in ax.texts] == ["0", "\N{MINUS SIGN}2", "7", "3", "0", "1"]
    assert [text.get_color() == plots.MUTED for text in ax.texts] == [True, False, False, False, True, False]
    (frame,) = ax.patches
    assert frame.get_xy() == (0.55, -0.45) and frame.get_width() == frame.get_height() == 1.9
    assert ax.get_title(loc="left") == "map"


def test_texts_have_a_least_size_for_the_drawings_width_and_powers_do_not():
    fig, ax = plots.figure(width=6.4)
    ax.set(xscale="log", xlim=(1, 1000), title="a title")
    markup = plots.show(fig, alt="An axis of powers of ten.").markup
    sizes = set(re.findall(r"font-size: ([^;\"]+)", markup.split("</style>")[-1]))
    least = "calc(460.8px * var(--pw-least-lettering, 0))"
    assert f"max(calc(11px * var(--pw-lettering, 1)), {least})" in sizes
    assert "calc(7.7px * var(--pw-lettering, 1))" in sizes
