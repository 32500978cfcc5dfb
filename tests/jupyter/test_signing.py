"""Signatures: made and verified as jupyter_client does."""

from __future__ import annotations

import hashlib
import hmac

from hypothesis import given, settings
from hypothesis import strategies as st
from jupyter_client.session import Session

from ipr.jupyter.signing import Replays, Signer
from ipr.jupyter.wire import DELIMITER, split
from tests.case import Case

KEY = b"a0436f6c-1916-498b-8eb9-e81ab9368e84"
HEADER = b'{"msg_id": "m1", "msg_type": "execute_request", "session": "s"}'
SIGNED = [HEADER, b"{}", b'{"m": 1}', b'{"code": "1"}']


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
        self.assertTrue(signer.verifies([DELIMITER, b"whatever", *SIGNED]))
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
        self.assertFalse(replays.fresh(b"b"))
        self.assertFalse(replays.fresh(b"c"))
        self.assertTrue(replays.fresh(b"a"))
