"""Knows how a kernel of another language is started behind ``ipr``; must not know what
is tested of it.
"""

from __future__ import annotations

import json
import os
import time

from tests.e2e.harness import Client, Kernel, Place
from tests.kernels.subjects import Subject


def start(place: Place, subject: Subject, *options: str) -> Client:
    """Start a kernel behind ipr with these options; :return: a client of it."""
    if subject.modules:
        os.symlink(subject.modules, os.path.join(place.work, "node_modules"))
    path = subject.lay(place.specs, "plain")
    with open(path) as file:
        content = json.load(file)
    name = place.wrapped_spec(
        content["argv"],
        list(options),
        restarter_original_interrupt_mode=content.get("interrupt_mode", "signal"),
        language=content["language"],
        env=content.get("env", {}),
        # Not ipykernel's: it would be taken to encrypt.
        metadata=content.get("metadata", {}),
    )
    client = Kernel(place, name, {**subject.environment, "HOME": place.root}).client()
    # One that answers before it can take a cell ends at the first.
    time.sleep(subject.settling)
    return client
