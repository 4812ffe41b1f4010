"""The role {ledger}`key`: a number that `pixelwise.ledger` computes, as a link to its row in "The numbers, checked".

{ledger}`vgg16-parameters` prints what is computed here, {ledger}`vgg16-parameters:claimed` what was claimed.
"""

import re

from docutils import nodes
from docutils.parsers.rst.states import Inliner
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

PAGE = "book/appendices/ledger"
IS_USED = re.compile(r"\{ledger\}`")


def setup(app: Sphinx) -> None:
    app.add_role("ledger", ledger)
    app.connect("missing-reference", link_to_row)


def ledger(
    name: str, rawtext: str, text: str, lineno: int, inliner: Inliner, options: object = None, content: object = ()
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    # Imported here: it takes PyTorch with it, which a book that cites no number need not wait for.
    from pixelwise import ledger

    key, _, which = text.partition(":")
    try:
        printed = ledger.printed(key, which or "computed")
    except KeyError as error:
        message = inliner.reporter.error(error.args[0], line=lineno)
        return [inliner.problematic(rawtext, rawtext, message)], [message]
    link = addnodes.pending_xref(rawtext, refdomain="", reftype="ledger", reftarget=key, refwarn=False)
    link += nodes.inline(rawtext, printed, classes=["pw-checked"])
    return [link], []


def link_to_row(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, contents: nodes.Element
) -> nodes.Element | None:
    if node.get("reftype") != "ledger":
        return None
    if PAGE not in env.found_docs:  # a build of some pages only
        return contents
    anchor = f"ledger-{node['reftarget']}"
    return make_refnode(app.builder, node["refdoc"], PAGE, anchor, contents, "Where this number comes from")
