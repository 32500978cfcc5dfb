"""Has jupyter_client find our provisioner, whatever is installed.

Knows the name of the entry point. Must not know what the provisioner does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib.metadata import EntryPoint

from jupyter_client.provisioning.factory import KernelProvisionerFactory

NAME = "ipr-provisioner"


def register() -> KernelProvisionerFactory:
    """Have it found by its name."""
    factory = KernelProvisionerFactory.instance()
    factory.provisioners[NAME] = EntryPoint(
        NAME, "ipr.provisioner:provisioner", factory.GROUP_NAME
    )
    return factory


@contextlib.contextmanager
def by_default() -> Iterator[None]:
    """Have it be the default of this process, as the extension does in a server."""
    factory = register()
    before = factory.default_provisioner_name
    factory.default_provisioner_name = NAME
    try:
        yield
    finally:
        factory.default_provisioner_name = before
