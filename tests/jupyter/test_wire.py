"""Frames: cut and parsed as jupyter_client does."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from ipr.jupyter import wire
from ipr.jupyter.wire import (
    DELIMITER,
    Malformed,
    quick_count,
    quick_id,
    split,
)
from tests.case import Case

HEADER = b'{"msg_id": "m1", "msg_type": "execute_request", "session": "s"}'


def message(*, identities: tuple[bytes, ...] = (), **frames: bytes) -> list[bytes]:
    """Return the frames of a message; ``header=...`` and so on replace some."""
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
    def test_header_is_parsed_when_asked(self) -> None:
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

    def test_content_is_parsed_from_any_frame(self) -> None:
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

    def test_quick_id_is_sure_or_none(self) -> None:
        """However a kernel spells its JSON; None where that is not sure."""
        for frame, expected in (
            (b'{"msg_id": "a-1", "x": 1}', "a-1"),
            (b'{"x":1,"msg_id":"a"}', "a"),
            (b'{"msg_id" : "\xc3\xa9"}', "\u00e9"),
            (b'{"msg_id": ""}', ""),
            (b'{"msg_id": "\xff"}', None),
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

    def test_quick_count_is_not_misled_by_code(self) -> None:
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
    def test_text_goes_out_as_utf8(self) -> None:
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
