"""What a page has for the viewer of the repository, and the site in a way of its own.

A link that names a page's file, ``kernels.rst``, leads to the page, ``kernels.html``.
What lies outside of the pages is named, without a link. A table of contents in a page
goes: the site has it beside each page, and the theme shows an error in its place.
"""

from __future__ import annotations

import posixpath

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

#: Files of the repository that a page of the site shows.
SHOWN = {
    "../CONTRIBUTING": "contributing",
    "../CHANGELOG": "changelog",
    "../SECURITY": "security",
    "../README": "index",
    "CONTRIBUTING": "contributing",
    "SECURITY": "security",
    "README": "index",
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Have each page looked through once it is read."""
    app.connect("doctree-read", _relink)
    app.connect("doctree-read", _without_contents)
    return {"parallel_read_safe": True}


def _relink(app: Sphinx, tree: nodes.document) -> None:
    here = posixpath.dirname(app.env.docname)
    for link in list(tree.findall(nodes.reference)):
        target, _, anchor = link.get("refuri", "").partition("#")
        stem, extension = posixpath.splitext(target)
        if extension not in (".rst", ".md") or "://" in target:
            continue
        stem = SHOWN.get(stem.removeprefix("docs/"), stem.removeprefix("docs/"))
        page = posixpath.normpath(posixpath.join(here, stem))
        if page not in app.env.found_docs:
            link.replace_self(nodes.inline("", "", *link.children))
            continue
        new = pending_xref(
            "",
            refdomain="std",
            reftype="doc",
            reftarget="/" + page,
            refexplicit=True,
            refwarn=True,
        )
        text = nodes.inline("", link.astext(), classes=["doc"])
        new += text
        if anchor:
            new["refanchor"] = anchor
        link.replace_self(new)


def _without_contents(_app: Sphinx, tree: nodes.document) -> None:
    for topic in list(tree.findall(nodes.topic)):
        if "contents" in topic["classes"]:
            topic.parent.remove(topic)
