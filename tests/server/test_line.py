from __future__ import annotations

import asyncio
import time
from typing import Any

import zmq
from jupyter_client.manager import AsyncKernelManager, KernelManager
from jupyter_client.session import Session

from ipr.server import line
from tests.case import Case


class LineTests(Case):
    """The other end is a ROUTER of this test."""

    def setUp(self) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.router = self.context.socket(zmq.ROUTER)
        port = self.router.bind_to_random_port("tcp://127.0.0.1")
        self.session = Session(key=b"secret")
        self.managers = [
            KernelManager(control_port=port, context=self.context),
            AsyncKernelManager(control_port=port),
        ]
        self.lines = []
        for manager in self.managers:
            manager.session.key = b"secret"
            self.lines.append(line.opened(manager))
        self.line = self.lines[0]
        self.addCleanup(self.close)

    def close(self) -> None:
        for one in self.lines:
            one.close()
        self.router.close(linger=0)
        self.context.term()
        self.managers[1].context.destroy(linger=0)

    def heard(self) -> tuple[list[bytes], dict[str, Any]]:
        self.assertTrue(self.router.poll(5000), "nothing was sent")
        identities, message = self.session.recv(self.router)
        assert identities is not None
        assert message is not None
        return identities, message

    def answer(
        self, request: tuple[list[bytes], dict[str, Any]], session: Session, **ipr: Any
    ) -> None:
        identities, message = request
        session.send(self.router, "any_reply", ipr, parent=message, ident=identities)

    def agreed(self, count: int) -> dict[str, Any]:
        return {"restart": True, "owner": self.line.owner, "asked": count}

    def wait(self, **ipr: Any) -> bool:
        """Greet, answer, and say whether the daemon takes orders."""
        self.line.greet()
        self.answer(self.heard(), self.session, **ipr)
        until = time.monotonic() + 5
        return asyncio.run(self.line.has_agreed(until, lambda: True))

    def test_greeting_has_a_session_of_its_own(self) -> None:
        for one, manager in zip(self.lines, self.managers, strict=True):
            one.greet()
            _, message = self.heard()
            self.assertEqual(message["msg_type"], "kernel_info_request")
            self.assertEqual(
                message["content"], {"ipr": {"owner": manager.session.session}}
            )
            own = {message["header"]["session"], manager.session.session}
            self.assertEqual(len(own), 2)

    def test_unanswered_greeting_is_not_repeated(self) -> None:
        """A daemon that hangs would find hundreds."""
        self.line.greet()
        self.line.greet()
        self.heard()
        self.assertFalse(self.router.poll(100))

    def test_greeting_that_was_lost_is_repeated(self) -> None:
        """As a tunnel loses it that breaks."""
        self.assertTrue(self.agrees_after_two(answered=1))

    def test_answer_to_the_earlier_greeting_will_do(self) -> None:
        self.assertTrue(self.agrees_after_two(answered=0))

    def agrees_after_two(self, answered: int) -> bool:
        """Answer one of two greetings, and say whether the daemon takes orders."""
        self.line.greet()
        greetings = [self.heard()]

        async def agrees() -> bool:
            until = time.monotonic() + 5
            agreeing = asyncio.ensure_future(self.line.has_agreed(until, lambda: True))
            while not self.router.poll(0):
                await asyncio.sleep(0.01)
                assert not agreeing.done(), "nobody greeted a second time"
            greetings.append(self.heard())
            ipr = self.agreed(0)
            self.answer(greetings[answered], self.session, ipr=ipr)
            return await agreeing

        return asyncio.run(agrees())

    def test_agreed_with_a_daemon_that_names_the_owner(self) -> None:
        self.assertTrue(self.wait(ipr=self.agreed(0)))
        self.assertFalse(self.line.plain)

    def test_kernel_without_ipr_is_plain_at_once(self) -> None:
        begin = time.monotonic()
        self.assertFalse(self.wait(status="ok"))
        self.assertTrue(self.line.plain)
        self.assertTrue(time.monotonic() - begin < 2)

    def test_daemon_with_another_owner_is_plain(self) -> None:
        self.assertFalse(self.wait(ipr={**self.agreed(0), "owner": "else"}))

    def test_what_makes_no_sense_is_plain(self) -> None:
        self.assertFalse(self.wait(ipr=[1]))
        self.assertTrue(self.line.plain)

    def test_wrong_signature_is_not_read(self) -> None:
        self.line.greet()
        self.answer(self.heard(), Session(key=b"other"), ipr=self.agreed(0))
        until = time.monotonic() + 0.2
        self.assertFalse(asyncio.run(self.line.has_agreed(until, lambda: True)))
        self.assertFalse(self.line.agreed or self.line.plain)

    def test_daemon_that_answers_is_told_from_one_that_hangs(self) -> None:
        async def answers(answered: bool) -> bool:
            until = time.monotonic() + (5 if answered else 0.1)
            waiting = asyncio.create_task(self.line.answers(until, lambda: True))
            await asyncio.sleep(0.02)
            request = self.heard()
            if answered:
                self.answer(request, self.session, ipr=self.agreed(0))
            return await waiting

        self.assertTrue(asyncio.run(answers(True)))
        self.assertFalse(asyncio.run(answers(False)))

    def test_wait_ends_when_the_daemon_does(self) -> None:
        self.line.greet()
        begin = time.monotonic()
        until = begin + 30
        self.assertFalse(asyncio.run(self.line.has_heard(1, until, lambda: False)))
        self.assertTrue(time.monotonic() - begin < 5)

    def test_two_orders_get_their_own_answers(self) -> None:
        """Whoever reads first reads for both."""

        async def both() -> list[Any]:
            until = time.monotonic() + 5
            orders = [
                asyncio.create_task(self.line.order({"n": n}, until, lambda: True))
                for n in range(2)
            ]
            await asyncio.sleep(0.05)
            for request in reversed([self.heard(), self.heard()]):
                self.answer(request, self.session, n=request[1]["content"]["n"])
            return list(await asyncio.gather(*orders))

        self.assertEqual(asyncio.run(both()), [{"n": 0}, {"n": 1}])
        self.assertEqual(self.line._orders, {})

    def test_order_without_an_answer_gets_none(self) -> None:
        until = time.monotonic() + 0.1
        self.assertIs(asyncio.run(self.line.order({}, until, lambda: True)), None)
        self.assertEqual(self.line._orders, {})

    def test_greets_until_the_manager_was_heard(self) -> None:
        async def hear() -> bool:
            until = time.monotonic() + 5
            waiting = asyncio.create_task(self.line.has_heard(2, until, lambda: True))
            for count in range(3):
                await asyncio.sleep(0.05)
                self.answer(self.heard(), self.session, ipr=self.agreed(count))
            return await waiting

        self.assertTrue(asyncio.run(hear()))
        self.assertFalse(self.router.poll(50))

    def test_closed_context_is_no_answer(self) -> None:
        """As jupyter_client leaves it at a shutdown."""
        self.managers[1].context.destroy(linger=0)
        one = self.lines[1]
        one.greet()
        one.read()
        until = time.monotonic() + 30
        self.assertFalse(asyncio.run(one.has_heard(1, until, lambda: True)))
