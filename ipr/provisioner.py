"""Makes the Restart button restart in place: a kernel provisioner, and an extension.

Knows how jupyter_client and the Jupyter server find the two. Must not know how a
kernel is restarted: :mod:`ipr.server.inplace` does.

Where the server's environment has ipr, the extension makes this provisioner the
default one. It then serves kernelspecs that start ipr, and leaves all others to
jupyter_client's own, whose default it takes the place of. A kernelspec may name it as
well, in ``metadata.kernel_provisioner``; then Jupyter hides the kernelspec wherever
ipr is missing.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from ipr import __version__
from ipr.server.inplace import InPlaceProvisioner
from ipr.spec.wrapping import PROVISIONER, starts_ipr

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

__all__ = ["__version__", "provisioner"]


def provisioner(**traits: Any) -> LocalProvisioner:
    """Make a provisioner, for the entry point.

    :param traits: as for a provisioner's class: ``kernel_id``, ``kernel_spec``,
        ``parent`` and what the kernelspec's stanza has as ``config``.
    """
    spec = traits.get("kernel_spec")
    ours = spec is not None and starts_ipr(spec.argv)
    return (InPlaceProvisioner if ours else LocalProvisioner)(**traits)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    factory = KernelProvisionerFactory.instance(parent=server)
    # Where the entry point is missing (after an upgrade of the source alone), a
    # default of that name would hide every kernelspec.
    factory.provisioners.setdefault(
        PROVISIONER,
        EntryPoint(PROVISIONER, f"{__name__}:provisioner", factory.GROUP_NAME),
    )
    if factory.default_provisioner_name == "local-provisioner":
        factory.default_provisioner_name = PROVISIONER
        server.log.info("ipr: Restart is in place for kernelspecs that start ipr")
    else:
        # A site's own: one provisioner per kernel.
        server.log.warning(
            "ipr: Restart is not in place, the default provisioner is %s",
            factory.default_provisioner_name,
        )
