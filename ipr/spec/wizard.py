"""``ipr-spec wizard``: the kernelspecs as a list of check boxes.

Knows prompt_toolkit. Must not know what installing means.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from ipr.spec import specfolders, specplan
from ipr.spec.kernelspec import SpecError
from ipr.spec.specplan import Step, Wish

if TYPE_CHECKING:
    from prompt_toolkit import Application
    from prompt_toolkit.key_binding import KeyPressEvent

T = TypeVar("T")


def run() -> int:
    """Let the user choose, show what that means, and do it.

    :returns: the exit code of ``ipr-spec``.
    """
    try:
        from prompt_toolkit.shortcuts import checkboxlist_dialog, yes_no_dialog
    except ImportError:
        print(
            "ipr-spec: the wizard needs prompt_toolkit; get it by:"
            f" {sys.executable} -m pip install 'inplace_restarter[wizard]'",
            file=sys.stderr,
        )
        return 1
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print(
            "ipr-spec: the wizard needs a terminal; 'ipr-spec install NAME' does not",
            file=sys.stderr,
        )
        return 1
    dirs = specfolders.kernel_dirs()
    choices, chosen, others = _choices(specplan.survey(dirs))
    if not choices:
        print("ipr-spec: no kernelspec that ipr can be installed on", file=sys.stderr)
        return 1
    text = "Space marks a kernel, Tab goes on to the buttons, Esc cancels."
    if others:
        text += "\n\nCannot be installed on:\n" + "\n".join(others)
    wanted = _asked(
        checkboxlist_dialog(
            title="Restart in place",
            text=text,
            ok_text="OK",
            cancel_text="Cancel",
            values=choices,
            default_values=chosen,
        )
    )
    if wanted is None:
        print("cancelled, nothing has changed")
        return 0
    steps, troubles = _plan(wanted, chosen, dirs)
    if not steps and not troubles:
        print("nothing to do")
        return 0
    if steps:
        lines = [f"- {step.will}" for step in steps]
        lines += [f"! {trouble}" for trouble in troubles]
        lines += [f"! {step.name!r}: {step.warning}" for step in steps if step.warning]
        agreed = _asked(
            yes_no_dialog(
                title="Restart in place",
                text="This will:\n\n" + "\n".join(lines),
                yes_text="OK",
                no_text="Cancel",
            )
        )
        if not agreed:
            print("cancelled, nothing has changed")
            return 0
    troubles += [trouble for step in steps if (trouble := _perform(step))]
    for trouble in troubles:
        print(f"ipr-spec: {trouble}", file=sys.stderr)
    return 1 if troubles else 0


def _asked(dialog: Application[T]) -> T | None:
    """Run a dialog that can be left by the usual keys: None is the answer then."""
    from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings

    keys = KeyBindings()

    def cancel(event: KeyPressEvent) -> None:
        event.app.exit(result=None)

    for key in ("escape", "c-c", "c-d", "q"):
        keys.add(key)(cancel)
    theirs = [dialog.key_bindings] if dialog.key_bindings is not None else []
    dialog.key_bindings = merge_key_bindings([*theirs, keys])
    return dialog.run()


def _perform(step: Step) -> str:
    """Do a step and say so; what went wrong, if anything, is given back."""
    try:
        left_out = specplan.perform(step)
    except SpecError as error:
        return f"{step.name!r}: {error}"
    print(step.done)
    for line in left_out:
        print(f"  not copied: {line}")
    return ""


def _choices(
    survey: Sequence[specplan.Standing],
) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Sort the kernelspecs: what can be chosen, what is, and what cannot be."""
    choices: list[tuple[str, str]] = []
    chosen: list[str] = []
    others: list[str] = []
    for standing in survey:
        name = standing.found.name
        wrapped = standing.wrapping
        if standing.state == specplan.IMPOSSIBLE or (
            wrapped is not None and wrapped.by_hand
        ):
            others.append(f"  {name}   {standing.detail}")
            continue
        shown = standing.found.spec.get("display_name") or ""
        label = f"{name}   {shown}" if shown else name
        if standing.state == specplan.EARLIER:
            label += "   (earlier package, will be upgraded)"
        choices.append((name, label))
        if wrapped is not None:
            chosen.append(name)
    return choices, chosen, others


def _plan(
    wanted: Sequence[str], chosen: Sequence[str], dirs: Sequence[str]
) -> tuple[list[Step], list[str]]:
    steps: list[Step] = []
    troubles: list[str] = []

    def add(name: str, install: bool) -> None:
        try:
            if install:
                step = specplan.install(name, Wish(), dirs)
            else:
                step = specplan.remove(name, None, dirs)
        except specfolders.NotWritable as error:
            if not install:
                troubles.append(f"{name!r}: {error}")
                return
            try:  # as install offers it
                wish = Wish(target=specfolders.user_dir())
                step = specplan.install(name, wish, dirs)
            except SpecError as second:
                troubles.append(f"{name!r}: {second}")
                return
        except SpecError as error:
            troubles.append(f"{name!r}: {error}")
            return
        if not step.idle:
            steps.append(step)

    for name in wanted:
        add(name, True)
    for name in chosen:
        if name not in wanted:
            add(name, False)
    return steps, troubles
