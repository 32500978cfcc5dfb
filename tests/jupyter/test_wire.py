"""Frames and signatures: cut, parsed, signed and verified as jupyter_client does."""

from __future__ import annotations

import hashlib
import hmac
import json

from hypothesis import given, settings
from hypothesis import strategies as st
from jupyter_client.session import Session

from ipr.jupyter import wire
from ipr.jupyter.wire import (
    DELIMITER,
    Malformed,
    Replays,
    Signer,
    quick_count,
    quick_id,
    split,
)
from tests.case import Case

KEY = b"a0436f6c-1916-498b-8eb9-e81ab9368e84"
HEADER = b'{"msg_id": "m1", "msg_type": "execute_request", "session": "s"}'
SIGNED = [HEADER, b"{}", b'{"m": 1}', b'{"code": "1"}']


def message(*, identities: tuple[bytes, ...] = (), **frames: bytes) -> list[bytes]:
    """Give the frames of a message; ``header=...`` and so on replace some."""
    return [
        *identities,
        DELIMITER,
        frames.get("signature", b"sig"),
        frames.get("header", HEADER),
        frames.get("parent", b"{}"),
        frames.get("metadata", b"{}"),
        frames.get("content", b"{}"),
    ]


class SplitTests(Case):
    def test_cuts_at_the_delimiter(self) -> None:
        """What stands before the delimiter is identities, the rest is body."""
        frames = [*message(identities=(b"a", b"b")), b"buffer"]
        envelope = split(frames)
        self.assertEqual(envelope.identities, [b"a", b"b"])
        self.assertEqual(envelope.body, [*message(), b"buffer"])

    def test_cuts_at_the_first_delimiter(self) -> None:
        """A buffer that looks like a delimiter stays a buffer."""
        frames = [*message(identities=(b"a",)), DELIMITER]
        self.assertEqual(split(frames).body, [*message(), DELIMITER])

    def test_needs_a_delimiter(self) -> None:
        """Frames without delimiter are no message."""
        error = self.raised(Malformed, split, [b"a", b"b"])
        self.assertEqual(str(error), "no delimiter <IDS|MSG>")

    def test_needs_six_frames(self) -> None:
        """The text of the error says how many there were."""
        error = self.raised(Malformed, split, message()[:-1])
        self.assertEqual(str(error), "5 frames from the delimiter on, not 6")

    def test_size_is_that_of_all_frames(self) -> None:
        """The memory bound counts identities and buffers too."""
        frames = [*message(identities=(b"four",)), b"x" * 1000]
        self.assertEqual(split(frames).size, sum(map(len, frames)))

    @settings(deadline=None)
    @given(st.lists(st.one_of(st.binary(max_size=20), st.just(DELIMITER)), max_size=9))
    def test_any_frames(self, frames: list[bytes]) -> None:
        """Any list of frames is a message, or Malformed; nothing else happens."""
        try:
            envelope = split(list(frames))
        except Malformed:
            return
        self.assertEqual([*envelope.identities, *envelope.body], frames)


class EnvelopeTests(Case):
    def test_header(self) -> None:
        """The header is parsed when asked."""
        self.assertEqual(split(message()).header, json.loads(HEADER))

    def test_header_is_parsed_once(self) -> None:
        """Who asks again gets the same object."""
        envelope = split(message())
        self.assertIs(envelope.header, envelope.header)

    def test_header_that_is_none(self) -> None:
        """A header without msg_id, or a msg_type that is a string, is Malformed."""
        for header in (
            b"null",
            b"{}",
            b'{"msg_id": "m1"}',
            b'{"msg_type": "status"}',
            b'{"msg_type": "status", "id": 1}',
            b'{"msg_id": "m1", "msg_type": null}',
        ):
            error = self.raised(
                Malformed, lambda frame=header: split(message(header=frame)).header
            )
            self.assertEqual(str(error), "the header lacks msg_id or msg_type")

    def test_parent_may_be_null(self) -> None:
        """xeus sends null for an empty parent header."""
        envelope = split(message(parent=b"null"))
        self.assertEqual((envelope.parent, envelope.parent_id), ({}, ""))

    def test_parent_id(self) -> None:
        """The id of the parent; one that is no string is the id of nobody else."""
        found = [
            split(message(parent=parent)).parent_id
            for parent in (b'{"msg_id": "p"}', b"{}", b'{"msg_id": 7}')
        ]
        self.assertEqual(found, ["p", "", "\x007"])

    def test_content(self) -> None:
        """The content is parsed; buffers' kinds of frames are fine too."""
        frames = [*message()[:-1], memoryview(b'{"code": "x"}')]
        self.assertEqual(split(frames).content, {"code": "x"})

    def test_what_is_no_object(self) -> None:
        """Broken JSON, other JSON, broken UTF-8 and absurd depth are Malformed."""
        for frame in (b"", b"{", b"[]", b"1", b'"x"', b"\xff\xfe\x00", b"[" * 100_000):
            self.raised(
                Malformed, lambda frame=frame: split(message(content=frame)).content
            )
            self.raised(
                Malformed, lambda frame=frame: split(message(parent=frame)).parent
            )

    def test_error_names_the_frame(self) -> None:
        """The text says which frame it was."""
        error = self.raised(Malformed, lambda: split(message(parent=b"[]")).parent)
        self.assertEqual(str(error), "the parent header is not a JSON object")


class QuickTests(Case):
    """What is found without parsing is what parsing finds."""

    def test_id(self) -> None:
        """However a kernel spells its JSON; None where that is not sure."""
        for frame, expected in (
            (b'{"msg_id": "a-1", "x": 1}', "a-1"),
            (b'{"x":1,"msg_id":"a"}', "a"),
            (b'{"msg_id" : "\xc3\xa9"}', "\u00e9"),
            (b'{"msg_id": ""}', ""),
            (b"{}", None),
            (b"null", None),
            (b'{"msg_id": 7}', None),
            (b'{"msg_id": "\\u00e9"}', None),
            (b'{"x": "\\"", "msg_id": "a"}', None),
            (b'{"msg_id": "a", "y": {"msg_id": "b"}}', None),
        ):
            self.assertEqual(quick_id(frame), expected, frame)

    @settings(deadline=None)
    @given(
        st.dictionaries(
            st.sampled_from(["msg_id", "session", "x"]),
            st.one_of(
                st.text(max_size=8), st.integers(), st.just('"msg_id": "x"'), st.none()
            ),
        ),
        st.booleans(),
    )
    def test_any_header(self, header: dict[str, object], ascii_only: bool) -> None:
        """It is the header's own, or None."""
        frame = json.dumps(header, ensure_ascii=ascii_only).encode(
            errors="surrogatepass"
        )
        found = quick_id(frame)
        if found is not None:
            self.assertEqual(found, header["msg_id"])

    def test_count(self) -> None:
        """Code that speaks of it does not mislead."""
        for content, expected in (
            ({"code": "x", "execution_count": 12}, 12),
            ({"execution_count": 0}, 0),
            ({"code": '"execution_count": 5', "execution_count": 7}, 7),
            ({"code": '{"execution_count": 5}'}, None),
            ({"code": "x"}, None),
            ({"execution_count": None}, None),
            ({"execution_count": 5, "x": {"execution_count": 6}}, None),
        ):
            frame = json.dumps(content).encode()
            self.assertEqual(quick_count(frame), expected, content)


class DumpsTests(Case):
    def test_utf8(self) -> None:
        """Text goes out as UTF-8, not as escapes."""
        self.assertEqual(wire.dumps({"a": "ü"}), '{"a": "ü"}'.encode())

    def test_lone_surrogate(self) -> None:
        """What UTF-8 cannot say goes out as an escape, and comes back the same."""
        made = wire.dumps({"a": "\udc80"})
        self.assertEqual(made, b'{"a": "\\udc80"}')
        self.assertEqual(json.loads(made), {"a": "\udc80"})

    def test_nested_too_deeply(self) -> None:
        """What could be read may be too deep to be written: that is Malformed, too."""
        deep: list[object] = []
        for _ in range(100_000):
            deep = [deep]
        self.raised(Malformed, wire.dumps, {"x": deep})


class SignerTests(Case):
    def test_signature_is_the_hmac(self) -> None:
        """The signature is the hex HMAC over the four frames in a row."""
        for name in ("sha256", "sha512", "md5"):
            expected = hmac.new(KEY, b"".join(SIGNED), name).hexdigest().encode()
            self.assertEqual(Signer(KEY, f"hmac-{name}").sign(list(SIGNED)), expected)

    def test_signs_again(self) -> None:
        """The prepared key survives its use."""
        signer = Signer(KEY)
        self.assertEqual(signer.sign(list(SIGNED)), signer.sign(list(SIGNED)))

    def test_verifies_what_jupyter_client_signed(self) -> None:
        """A message of jupyter_client's Session verifies."""
        session = Session(key=KEY)
        frames = session.serialize(session.msg("execute_request", {"code": "1"}), b"id")
        envelope = split([bytes(frame) for frame in frames])
        self.assertEqual(envelope.identities, [b"id"])
        self.assertTrue(Signer(KEY).verifies(envelope.body))

    def test_jupyter_client_verifies_what_was_signed_here(self) -> None:
        """jupyter_client's Session takes a body of ours."""
        body = Signer(KEY).body(*SIGNED)
        found = Session(key=KEY).deserialize(body[1:])
        self.assertEqual(found["content"]["code"], "1")

    def test_any_changed_frame_is_noticed(self) -> None:
        """One byte more in any signed frame, or another signature, and it fails."""
        signer = Signer(KEY)
        for at in (1, 2, 3, 4, 5):
            body = signer.body(*SIGNED)
            body[at] += b" "
            self.assertFalse(signer.verifies(body), at)

    def test_buffers_are_not_signed(self) -> None:
        """As in the specification: buffers do not count."""
        signer = Signer(KEY)
        self.assertTrue(signer.verifies([*signer.body(*SIGNED), b"buffer"]))

    def test_other_key(self) -> None:
        """Who has another key, or none, is not believed."""
        self.assertFalse(Signer(KEY).verifies(Signer(b"other").body(*SIGNED)))
        self.assertFalse(Signer(KEY).verifies(Signer(b"").body(*SIGNED)))

    def test_no_key(self) -> None:
        """An empty key switches signatures off, as everywhere in Jupyter."""
        signer = Signer(b"")
        self.assertEqual(
            (signer.signs, signer.sign(list(SIGNED)), signer.body(*SIGNED)),
            (False, b"", [DELIMITER, b"", *SIGNED]),
        )
        self.assertTrue(signer.verifies(message(signature=b"whatever")))
        self.assertTrue(Signer(KEY).signs)

    def test_unknown_scheme(self) -> None:
        """A scheme that cannot be used is told with the usual one."""
        for scheme in ("sha256", "hmac-nothing", "", "hmac-", "hmac-shake_128"):
            error = self.raised(ValueError, Signer, KEY, scheme)
            self.assertEqual(
                str(error),
                f"unknown signature_scheme {scheme!r} in the connection file;"
                " the usual one is 'hmac-sha256'",
            )

    def test_resign_header(self) -> None:
        """With another header the rest stays, buffers too, and it verifies."""
        signer = Signer(KEY)
        body = [*signer.body(*SIGNED), b"buffer"]
        before = list(body)
        made = signer.resign(body, header={"msg_id": "m2"})
        self.assertEqual(made[2:], [b'{"msg_id": "m2"}', *SIGNED[1:], b"buffer"])
        self.assertTrue(signer.verifies(made))
        self.assertEqual(body, before)

    def test_resign_content(self) -> None:
        """With another content the rest stays, and it verifies."""
        signer = Signer(KEY)
        made = signer.resign(signer.body(*SIGNED), content={"code": "2"})
        self.assertEqual(made[2:], [*SIGNED[:3], b'{"code": "2"}'])
        self.assertTrue(signer.verifies(made))

    @settings(deadline=None)
    @given(st.binary(min_size=1, max_size=200), st.lists(st.binary(), min_size=4))
    def test_any_key(self, key: bytes, frames: list[bytes]) -> None:
        """Keys of any length, longer than a block too, sign as hmac does."""
        signed = frames[:4]
        self.assertEqual(
            Signer(key).sign(list(signed)),
            hmac.new(key, b"".join(signed), hashlib.sha256).hexdigest().encode(),
        )


class ReplaysTests(Case):
    def test_second_time(self) -> None:
        """A signature is fresh once."""
        replays = Replays()
        self.assertEqual(
            [replays.fresh(signature) for signature in (b"a", b"b", b"a", b"b")],
            [True, True, False, False],
        )

    def test_as_many_as_jupyter_client_keeps(self) -> None:
        """No more is remembered than there, and no less."""
        replays = Replays()
        for number in range(Session.digest_history_size.default_value):
            replays.fresh(b"%d" % number)
        self.assertFalse(replays.fresh(b"0"))
        replays.fresh(b"more")
        self.assertTrue(replays.fresh(b"0"))

    def test_oldest_go_first(self) -> None:
        """No more than the limit are kept."""
        replays = Replays(2)
        for signature in (b"a", b"b", b"c"):
            self.assertTrue(replays.fresh(signature))
        self.assertEqual(len(replays), 2)
        self.assertFalse(replays.fresh(b"b"))
        self.assertFalse(replays.fresh(b"c"))
        self.assertTrue(replays.fresh(b"a"))
