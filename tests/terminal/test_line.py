"""A line to a daemon, whose part the test plays."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection
from typing import Any
from unittest import mock
from unittest.mock import Mock

import zmq

from ipr.boot.connection import Outer, parsed
from ipr.jupyter.signing import Signer
from ipr.jupyter.wire import dumps, split
from ipr.terminal import line
from ipr.terminal.line import Line, NoAnswer, ask_all
from ipr.terminal.problem import Problem
from tests.case import Case

KEY = "a key"
SIGNER = Signer(KEY.encode())
Frames = list[bytes]


class Peer:
    """Listens where a daemon would, and answers as the test says.

    :param answers: makes the answers to a request.
    """

    def __init__(self, answers: Callable[[Frames], list[Frames]]) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self.port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self._answers = answers
        self._over = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over:
            if self._socket.poll(20):
                for frames in self._answers(self._socket.recv_multipart()):
                    self._socket.send_multipart(frames)

    def close(self) -> None:
        self._over = True
        self._thread.join()
        self._context.destroy(linger=0)


def answer(frames: Frames, signer: Signer = SIGNER, **content: Any) -> Frames:
    """Make an answer to a request."""
    asked = split(list(frames))
    header = dumps({"msg_id": "x", "msg_type": "ipr_command_reply"})
    parent = asked.body[2]
    return [*asked.identities, *signer.body(header, parent, b"{}", dumps(content))]


class LineCase(Case):
    def setUp(self) -> None:
        line.ANSWER_TIME, before = 0.5, line.ANSWER_TIME
        self.addCleanup(setattr, line, "ANSWER_TIME", before)

    def peer(self, answers: Callable[[Frames], list[Frames]]) -> Line:
        peer = Peer(answers)
        self.addCleanup(peer.close)
        made = Line(outer(peer.port))
        self.addCleanup(made.close)
        return made


def outer(port: int) -> Outer:
    names = ("shell", "iopub", "stdin", "hb")
    ports = {f"{name}_port": 60_000 + at for at, name in enumerate(names)}
    raw = {**ports, "control_port": port, "key": KEY, "ip": "127.0.0.1"}
    return parsed(raw, "/run/kernel-a.json")


class OwnerTests(LineCase):
    """Who listens where the connection file says is looked at before he is told."""

    def test_nothing_is_sent_to_another_user(self) -> None:
        heard: list[Frames] = []

        def answers(frames: Frames) -> list[Frames]:
            heard.append(frames)
            return []

        peer = Peer(answers)
        self.addCleanup(peer.close)
        asked: list[int] = []

        def who(ports: Collection[int]) -> dict[int, bool]:
            asked.extend(ports)
            return {peer.port: False}

        why = self.raised(Problem, Line, outer(peer.port), who)
        self.assertIn(f"another user's program listens on port {peer.port}", str(why))
        self.assertEqual((asked, heard), ([peer.port], []))

    def test_root_is_not_told_to_remove_another_users_file(self) -> None:
        """That user's daemon may run well; to root it is a stranger's all the same."""
        for uid, advice in ((0, "run this command as that user"), (7, "remove the")):
            with mock.patch.object(os, "geteuid", return_value=uid):
                looked = Mock(return_value={1000: False})
                why = self.raised(Problem, Line, outer(1000), looked)
            self.assertIn(advice, str(why))

    def test_nobody_or_nothing_known_is_no_reason(self) -> None:
        """Where Linux does not tell, there are the signatures only."""
        answers: tuple[dict[int, bool] | None, ...] = ({}, None, {1: False})
        for found in answers:
            looked = Mock(return_value=found)
            Line(outer(1000), looked).close()
            looked.assert_called_once_with({1000})

    def test_address_elsewhere_is_not_looked_at(self) -> None:
        far = outer(1000)._replace(ip="192.0.2.1")
        Line(far, lambda ports: dict.fromkeys(ports, False)).close()


class AskTests(LineCase):
    def test_answer_to_what_was_asked(self) -> None:
        """Others are passed over: unsigned ones, old ones, no messages at all."""

        def answers(frames: Frames) -> list[Frames]:
            other = list(frames)
            other[3] = dumps({"msg_id": "another", "msg_type": "x"})
            return [
                [frames[0], b"nonsense"],
                answer(frames, Signer(b"another key"), status="ok", n=1),
                answer(other, status="ok", n=2),
                answer(frames, status="ok", n=3),
            ]

        found = self.peer(answers).ask({"command": "facts"}, 5)
        self.assertEqual(found.content, {"status": "ok", "n": 3})

    def test_error_is_a_problem_with_its_sentence(self) -> None:
        made = self.peer(lambda frames: [answer(frames, status="error", evalue="no")])
        self.assertEqual(str(self.raised(Problem, made.ask, {}, 5)), "no")

    def test_silence_and_noise_end_in_time(self) -> None:
        def noise(frames: Frames) -> list[Frames]:
            return [[frames[0], b"x"]] * 100

        def silence(_frames: Frames) -> list[Frames]:
            return []

        for answers in (silence, noise):
            began = time.monotonic()
            why = self.raised(NoAnswer, self.peer(answers).ask, {}, 0.3)
            self.assertIn("did not answer within 0.3 s", str(why))
            self.assertTrue(0.25 < time.monotonic() - began < 5)

    def test_several_are_asked_at_once(self) -> None:
        """One that does not answer costs the others nothing but the time."""
        good = self.peer(lambda frames: [answer(frames, status="ok")])
        bad = self.peer(lambda _: [])
        began = time.monotonic()
        found = ask_all([bad, good, None, bad], {})
        self.assertEqual(found, [None, {"status": "ok"}, None, None])
        self.assertTrue(time.monotonic() - began < 5)


class OpenTests(LineCase):
    def test_what_is_impossible_is_a_problem(self) -> None:
        good = outer(50_000)
        for bad, why in (
            (good._replace(signature_scheme="x"), "unknown signature_scheme"),
            (good._replace(ip="a b"), "cannot be reached"),
            (good._replace(ip="a\0b"), "cannot be reached"),
            (good._replace(transport="ipc", ip="/" + "x" * 200), "cannot be reached"),
            (good._replace(curve_publickey=b"a" * 40), "cannot be reached"),
        ):
            self.assertIn(why, str(self.raised(Problem, Line, bad)))
