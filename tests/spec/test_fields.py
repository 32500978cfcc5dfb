"""What is wrong with a kernel.json."""

from __future__ import annotations

import pytest

from ipr.spec.errors import SpecError
from ipr.spec.fields import decoded, fault_of


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ([], "not a JSON object"),
        ({}, "no argv"),
        ({"argv": []}, "argv is empty"),
        ({"argv": "x"}, "not a list of strings"),
        ({"argv": ["x", 1]}, "not a list of strings"),
        ({"argv": None}, "not a list of strings"),
        ({"argv": ["x"], "interrupt_mode": "never"}, "interrupt_mode"),
        ({"argv": ["x"], "interrupt_mode": None}, "interrupt_mode"),
        ({"argv": ["x"], "env": []}, "env is not an object"),
        ({"argv": ["x"], "display_name": 3}, "display_name is not a string"),
    ],
)
def test_faults_are_named(spec: object, words: str) -> None:
    assert words in str(fault_of(spec))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b'{\n"argv": [\n', "not valid JSON (line 3)"),
        (b'{"argv": []} x', "not valid JSON (line 1)"),
        (b'\xef\xbb\xbf{"argv": []}', "byte order mark"),
        (b'{\n"a": "\xff"}', "not UTF-8 (line 2)"),
        (b"[]", "not a JSON object"),
        (b'"argv"', "not a JSON object"),
        (b'{"a": ' + b"[" * 200000 + b"]" * 200000 + b"}", "nested too deeply"),
    ],
)
def test_what_cannot_be_read(data: bytes, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        decoded(data)
    assert words in str(caught.value)


def test_a_kernel_json_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(SpecError, match="nested too deeply"):
        decoded(b"[" * 200_000)


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    with pytest.raises(SpecError, match=r"kernel\.json cannot be read"):
        decoded(b'{"argv": ' + b"1" * 5000 + b"}")
