"""An explorer as a piece of a static page: its module, style and state, and the small host that runs them."""

import json
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from pixelwise import palette

HERE = Path(__file__).parent


class Explorer(anywidget.AnyWidget):
    """A widget that also runs where there is no kernel.

    A front end with a widget manager shows the live view; the site's build, which has none, takes the text/html: the
    same module and the state of this moment, run by host.js without any further file. `live` tells the module whether
    a kernel answers.
    """

    live = traitlets.Bool(True).tag(sync=True)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/html": self.page_html(), "text/plain": self.described()}, metadata

    def described(self) -> str:
        """Return a line that stands for the explorer where nothing can be drawn."""
        return f"[{type(self).__name__}]"

    def page_html(self) -> str:
        """Return the explorer as HTML that needs neither a kernel nor the network."""
        hidden = {"layout", "tabbable", "tooltip"}
        state = {
            name: getattr(self, name)
            for name in self.trait_names(sync=True)
            if not name.startswith("_") and name not in hidden
        }
        state["live"] = False
        return (
            '<div class="pw-page">'
            f"<style>{self._css}</style>"
            f'<div class="pw-stage"><p>{self.described()} This explorer needs JavaScript.</p></div>'
            f'<script type="application/json" class="pw-state">{_inline(state)}</script>'
            f'<script type="application/json" class="pw-source">{_inline(str(self._esm))}</script>'
            f"<script>{(HERE / 'host.js').read_text()}</script>"
            "</div>"
        )


def module(name: str, *shared: str) -> dict[str, str]:
    """Return the `_esm` and `_css` of the explorer `name`: its two files here, behind what all explorers share.

    `shared` names further pairs of files that come before its own.
    """
    parts = [HERE / part for part in ("frame", *shared, name)]
    return {
        "_esm": "".join(part.with_suffix(".js").read_text() for part in parts),
        "_css": palette.css(".pw-explorer") + "".join(part.with_suffix(".css").read_text() for part in parts),
    }


def _inline(value: object) -> str:
    # Inside a script element only "</script" and "<!--" could end or change the text; escaping every < rules them out.
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
