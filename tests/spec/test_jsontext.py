"""Text of a JSON object is changed where a value changes, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest

from ipr.spec.jsontext import Path, members, spliced


@pytest.mark.parametrize("text", ["[]", "1", '"a"'])
def test_what_is_no_object_has_no_members(text: str) -> None:
    with pytest.raises(ValueError, match="not a JSON object"):
        members(text)


def test_an_empty_object_is_refused() -> None:
    with pytest.raises(ValueError, match="an empty JSON object"):
        spliced("{}", {"a": 1})


@pytest.mark.parametrize(
    ("before", "new", "after"),
    [
        ('{ "a":1 }', {}, "{}"),
        ('{ "a":1 }', {"a": [1, 2]}, '{ "a":[1, 2] }'),
        ('{"a": []}', {"a": [1]}, '{"a": [1]}'),
        ('{"a": [1]}', {"a": []}, '{"a": []}'),
        ('{"a": [ 1 ]}', {"a": [1, 2]}, '{"a": [ 1, 2 ]}'),
        ('{"a" : 1}', {"a": 1, "b": 2}, '{"a" : 1, "b" : 2}'),
        ('{"a": 1, "a": 2}', {"a": 3}, '{"a": 1, "a": 3}'),
    ],
)
def test_only_what_changes_is_written(
    before: str, new: Mapping[str, object], after: str
) -> None:
    assert spliced(before, new) == after
    assert json.loads(after) == new


@pytest.mark.parametrize("origin", [("x",), ("a", "b"), ("a",)])
def test_an_origin_that_has_another_value_gives_no_text(origin: Path) -> None:
    moved: Mapping[Path, Sequence[Path]] = {("c",): [origin]}
    assert json.loads(spliced('{"a": 1}', {"a": 1, "c": 2}, moved)) == {"a": 1, "c": 2}


def test_a_value_that_moves_keeps_its_text() -> None:
    moved: Mapping[Path, Sequence[Path]] = {("b",): [("a",)]}
    assert spliced('{"a": [1,2]}', {"a": 3, "b": [1, 2]}, moved) == (
        '{"a": 3, "b": [1,2]}'
    )
