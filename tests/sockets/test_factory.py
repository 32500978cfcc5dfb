"""The context."""

from __future__ import annotations

from ipr.sockets.factory import Factory
from tests.case import Case
from tests.fakes import FakeReactor


class FactoryTests(Case):
    def test_reactor_is_handed_in(self) -> None:
        """The global reactor, which txZMQ would take, is not touched."""
        reactor = FakeReactor()
        factory = Factory(reactor)
        self.addCleanup(factory.shutdown)
        self.assertIs(factory.reactor, reactor)
