"""What the reference says is taken from the code.

``.. magic-help:: restart`` shows what ``%restart?`` prints; ``.. daemon-options::``
lists the options of ``python -m ipr``; ``.. command-help:: ipr.spec.parser`` shows the
``--help`` of a command, and in sections below it that of each of its words.
"""

from __future__ import annotations

import argparse
import importlib
import os

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from ipr.boot.options import OPTIONS
from ipr.jupyter.magichelp import HELP


class MagicHelp(SphinxDirective):
    """The help of one magic, as it is printed."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make a block of text."""
        text = HELP[self.arguments[0]].strip()
        return [nodes.literal_block(text, text, language="text")]


class DaemonOptions(SphinxDirective):
    """The options of the daemon, as ``--help`` explains them."""

    def run(self) -> list[nodes.Node]:
        """Make a list of definitions."""
        made = nodes.definition_list()
        for option in OPTIONS:
            words = f"--{option.name} {option.metavar}".rstrip()
            if option.short:
                words = f"-{option.short}, {words}"
            term = nodes.term("", "", nodes.literal(words, words))
            text = option.help.replace("%%", "%")
            meaning = nodes.definition("", nodes.paragraph(text, text))
            made += nodes.definition_list_item("", term, meaning)
        return [made]


class CommandHelp(SphinxDirective):
    """What ``--help`` prints, of the parser that ``parser()`` of a module makes."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make a block of text, and a section for each word."""
        # argparse breaks lines for the terminal that it believes to have.
        os.environ.update(COLUMNS="80", NO_COLOR="1")
        parser = importlib.import_module(self.arguments[0]).parser()
        sections = [_section(word, each) for word, each in _subparsers(parser)]
        return [_block(parser), *sections]


def _block(parser: argparse.ArgumentParser) -> nodes.Node:
    text = parser.format_help().strip()
    return nodes.literal_block(text, text, language="text")


def _section(word: str, parser: argparse.ArgumentParser) -> nodes.Node:
    name = nodes.make_id(parser.prog)
    title = nodes.title("", "", nodes.literal(word, word))
    return nodes.section("", title, _block(parser), ids=[name], names=[name])


def _subparsers(
    parser: argparse.ArgumentParser,
) -> list[tuple[str, argparse.ArgumentParser]]:
    """Each word with its parser, aliases left out: they have the parser of another."""
    (action,) = (
        action
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    found: dict[int, tuple[str, argparse.ArgumentParser]] = {}
    for word, each in action.choices.items():
        found.setdefault(id(each), (word, each))
    return list(found.values())


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the directives known."""
    app.add_directive("magic-help", MagicHelp)
    app.add_directive("daemon-options", DaemonOptions)
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True}
