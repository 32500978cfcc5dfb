"""The commands in a terminal, and a restart that code asks for.

A *target* is a kernel with ipr as its connection file names it, and, where it was found
on this machine, its daemon. A *line* is a connection to a daemon's control channel,
with the key of that file, as any client's. What a command cannot do is a *problem*: one
sentence, and exit code 1.

Must not know the daemon's parts: what it says is in ``jupyter/remote.py``.

Pure: layout.
"""
