"""Knows what tests ask a kernel that somebody else has started; must not know who."""

from __future__ import annotations

#: Prints the process ids of the inner kernel and of its daemon: its guardian's parent.
IDS = """\
import json, os
def parent(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(next(line.split()[1] for line in file if line.startswith("PPid:")))
print(json.dumps([os.getpid(), parent(os.getppid())]))
"""
