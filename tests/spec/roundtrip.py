"""Wrapping the bytes of a kernel.json, and the way back."""

from __future__ import annotations

from ipr.spec.around import patched
from ipr.spec.fields import decoded
from ipr.spec.restoring import restored, rewritten

START = ["/opt/ipr/bin/python", "-P", "-m", "ipr"]


PLACE = ["-f", "{connection_file}", "--resource-dir", "{resource_dir}"]


def wrapped(data: bytes, *options: str) -> bytes:
    text, spec = decoded(data)
    new = patched(spec, START, options)
    return rewritten(text, new).encode()


def unwrapped(data: bytes) -> bytes:
    text, spec = decoded(data)
    return rewritten(text, restored(spec)).encode()
