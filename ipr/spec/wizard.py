"""``ipr-spec wizard``: the kernelspecs as a list of check boxes.

Knows prompt_toolkit. Must not know what installing means.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from prompt_toolkit import Application
    from prompt_toolkit.key_binding import KeyPressEvent
from ipr.spec import folders, plan, states
from ipr.spec.errors import NotWritable, SpecError
from ipr.spec.plan import Step
from ipr.spec.states import Standing
from ipr.spec.wish import Wish

T = TypeVar("T")


def run() -> int:
    """Let the user choose, show what that means, and do it.

    :returns: the exit code of ``ipr-spec``.
    """
    missing = _missing()
    if missing:
        print(f"ipr-spec: {missing}", file=sys.stderr)
        return 1
    dirs = folders.kernel_dirs()
    choices, chosen, others = _choices(states.survey(dirs))
    if not choices:
        print("ipr-spec: no kernelspec that ipr can be installed on", file=sys.stderr)
        return 1
    wanted = _wanted(choices, chosen, others)
    if wanted is None:
        print("cancelled, nothing has changed")
        return 0
    steps, troubles = _plan(wanted, chosen, dirs)
    if not steps and not troubles:
        print("nothing to do")
        return 0
    if steps and not _agreed(steps, troubles):
        print("cancelled, nothing has changed")
        return 0
    troubles += [trouble for step in steps if (trouble := _perform(step))]
    for trouble in troubles:
        print(f"ipr-spec: {trouble}", file=sys.stderr)
    return 1 if troubles else 0


def _missing() -> str:
    """Return what the wizard needs and does not have, "" if nothing."""
    if importlib.util.find_spec("prompt_toolkit") is None:
        return (
            "the wizard needs prompt_toolkit; get it by:"
            f" {sys.executable} -m pip install 'inplace_restarter[wizard]'"
        )
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return "the wizard needs a terminal; 'ipr-spec install NAME' does not"
    return ""


def _wanted(
    choices: Sequence[tuple[str, str]], chosen: Sequence[str], others: Sequence[str]
) -> list[str] | None:
    """Ask which kernelspecs are to have ipr; None if the user cancels."""
    from prompt_toolkit.shortcuts import checkboxlist_dialog

    text = "Space marks a kernel, Tab goes on to the buttons, Esc cancels."
    if others:
        text += "\n\nCannot be installed on:\n" + "\n".join(others)
    return _asked(
        checkboxlist_dialog(
            title="Restart in place",
            text=text,
            ok_text="OK",
            cancel_text="Cancel",
            values=choices,
            default_values=chosen,
        )
    )


def _agreed(steps: Sequence[Step], troubles: Sequence[str]) -> bool:
    """Show the steps, and what cannot be done, and ask whether to go on."""
    from prompt_toolkit.shortcuts import yes_no_dialog

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
    return agreed is True


def _asked(dialog: Application[T]) -> T | None:
    """Run a dialog; return None if the user leaves it by one of the usual keys."""
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
    """Carry out a step and report it; return what went wrong, "" if nothing."""
    try:
        left_out = plan.perform(step)
    except SpecError as error:
        return f"{step.name!r}: {error}"
    print(step.done)
    for line in left_out:
        print(f"  not copied: {line}")
    return ""


def _choices(
    survey: Sequence[Standing],
) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Return the kernelspecs that can be chosen, those that are, and the others."""
    choices: list[tuple[str, str]] = []
    chosen: list[str] = []
    others: list[str] = []
    for standing in survey:
        name = standing.found.name
        wrapped = standing.wrapping
        if standing.state == states.IMPOSSIBLE or (
            wrapped is not None and wrapped.by_hand
        ):
            others.append(f"  {name}   {standing.detail}")
            continue
        shown = standing.found.spec.get("display_name") or ""
        label = f"{name}   {shown}" if shown else name
        if standing.state == states.EARLIER:
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
                step = plan.install(name, Wish(), dirs)
            else:
                step = plan.remove(name, None, dirs)
        except NotWritable as error:
            if not install:
                troubles.append(f"{name!r}: {error}")
                return
            try:  # as install suggests
                wish = Wish(target=folders.user_dir())
                step = plan.install(name, wish, dirs)
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
