"""Whether the Jupyter server of an environment restarts in place by itself.

Knows how the server extension is enabled, and what overrides it. Must not know
kernelspecs. ``python -m ipr.spec.extension`` says it of that interpreter's environment,
which need not be the one that ``ipr-spec`` runs in.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

#: The module that the server loads.
MODULE = "ipr.provisioner"
ENABLED, DISABLED, ABSENT, EDITABLE, NO_SERVER = (
    "enabled",
    "disabled",
    "absent",
    "editable",
    "no server",
)


def state() -> str:
    """Return one of the five above, for the running interpreter's environment."""
    if importlib.util.find_spec("jupyter_server") is None:
        return NO_SERVER
    found = _said_of_extensions().get(MODULE)
    if found is None:
        return EDITABLE if _is_editable() else ABSENT
    return ENABLED if found else DISABLED


def other_default() -> str:
    """Return the default provisioner that the environment asks for, "" if none."""
    name = os.environ.get("JUPYTER_DEFAULT_PROVISIONER_NAME", "")
    return "" if name in ("local-provisioner", "ipr-provisioner") else name


def _said_of_extensions() -> Mapping[str, object]:
    # Late: it takes a second, and only check needs it.
    from jupyter_core.paths import jupyter_config_path
    from jupyter_server.extension.config import ExtensionConfigManager

    # Untyped.
    manager: Any = ExtensionConfigManager(read_config_path=jupyter_config_path())
    said = manager.get_jpserver_extensions()
    return said if isinstance(said, dict) else {}


def _is_editable() -> bool:
    try:
        found = importlib.metadata.distribution("inplace_restarter")
        said = json.loads(found.read_text("direct_url.json") or "{}")
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return False
    return bool(said.get("dir_info", {}).get("editable"))


if __name__ == "__main__":
    sys.stdout.write(f"{state()}\n")
