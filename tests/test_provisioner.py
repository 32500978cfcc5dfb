from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from ipr import __version__, provisioner
from ipr.server.inplace import InPlaceProvisioner
from tests.case import Case


class ProvisionerTests(Case):
    def made_for(self, *argv: str) -> type:
        return type(provisioner.provisioner(kernel_spec=KernelSpec(argv=list(argv))))

    def test_ours_where_argv_starts_ipr(self) -> None:
        start = ("python", "-P", "-m", "ipr", "-f", "{connection_file}")
        self.assertIs(self.made_for(*start), InPlaceProvisioner)
        self.assertIs(
            self.made_for("srun", "-n1", *start, "--", "R"), InPlaceProvisioner
        )

    def test_plain_for_everything_else(self) -> None:
        self.assertIs(self.made_for("python", "-m", "ipykernel"), LocalProvisioner)
        self.assertIs(self.made_for(), LocalProvisioner)
        self.assertIs(type(provisioner.provisioner()), LocalProvisioner)


class ExtensionTests(Case):
    def setUp(self) -> None:
        KernelProvisionerFactory.clear_instance()
        self.addCleanup(KernelProvisionerFactory.clear_instance)
        self.said: list[str] = []

    def load(self, **environment: str | None) -> str:
        self.environment(**environment)

        def say(words: str, *values: object) -> None:
            self.said.append(words % values)

        server: Any = SimpleNamespace(log=SimpleNamespace(info=say, warning=say))
        # A parent would have to be Configurable.
        factory = KernelProvisionerFactory.instance()
        provisioner._load_jupyter_server_extension(server)
        name: str = factory.default_provisioner_name
        return name

    def test_ours_becomes_the_default(self) -> None:
        name = self.load(JUPYTER_DEFAULT_PROVISIONER_NAME=None)
        self.assertEqual(name, "ipr-provisioner")

    def test_kernelspecs_are_there_without_the_entry_point(self) -> None:
        """As after an upgrade of the source of an editable install."""
        factory = KernelProvisionerFactory.instance()
        self.addCleanup(factory.provisioners.update, dict(factory.provisioners))
        factory.provisioners.clear()
        self.load(JUPYTER_DEFAULT_PROVISIONER_NAME=None)
        self.assertTrue(factory.is_provisioner_available(KernelSpec()))
        made = factory.provisioners["ipr-provisioner"].load()
        self.assertIs(made, provisioner.provisioner)

    def test_sites_own_default_stays(self) -> None:
        name = self.load(JUPYTER_DEFAULT_PROVISIONER_NAME="site")
        self.assertEqual(name, "site")
        self.assertIn("not in place", self.said[0])

    def test_server_finds_the_extension(self) -> None:
        points = provisioner._jupyter_server_extension_points()
        self.assertEqual(points, [{"module": "ipr.provisioner"}])
        self.assertEqual(provisioner.__version__, __version__)
