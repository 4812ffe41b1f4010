"""The course's colours, named by role, once for light paper and once for dark.

Figures, explorers and the site's style sheet all take their colours from here as CSS variables, so that one picture
follows the reader's theme while the page is open. Series are told apart by the common kinds of colour blindness and
keep a contrast of at least 3:1 against their paper.
"""

LIGHT = {
    "paper": "#fdfcfa",
    "raised": "#f4f2ed",
    "ink": "#1d2430",
    "muted": "#5a6372",
    "grid": "#d6d8dc",
    "accent": "#0b5cab",
    "series-1": "#0c63b4",
    "series-2": "#c2560a",
    "series-3": "#0b7a59",
    "series-4": "#95508f",
    "series-5": "#8a6a00",
    "series-6": "#4a7d9e",
}

DARK = {
    "paper": "#14181f",
    "raised": "#1d232c",
    "ink": "#e4e7ec",
    "muted": "#a0a9b8",
    "grid": "#3a424f",
    "accent": "#7cb8f7",
    "series-1": "#6db1f4",
    "series-2": "#f29a52",
    "series-3": "#4cc79c",
    "series-4": "#d699d0",
    "series-5": "#dcbb4b",
    "series-6": "#a3cbe4",
}


def variable(role: str) -> str:
    """Return the CSS expression for a role's colour, with the light colour where no style sheet defines it."""
    return f"var(--pw-{role}, {LIGHT[role]})"


def css(selector: str) -> str:
    """Return rules that define every role as a CSS variable on `selector`.

    Dark values apply below a page that says it is dark: the site and pydata themes set `data-theme`, JupyterLab sets
    `data-jp-theme-light`.
    """
    light = "".join(f"--pw-{role}:{colour};" for role, colour in LIGHT.items())
    dark = "".join(f"--pw-{role}:{colour};" for role, colour in DARK.items())
    darkened = ",".join(
        f"{page}{joint}{selector}"
        for page in ('[data-theme="dark"]', '[data-jp-theme-light="false"]')
        for joint in ((" ",) if selector != ":root" else ("",))
    )
    return f"{selector}{{{light}}}\n{darkened}{{{dark}}}\n"
