"""The light stand-ins behave as what they stand in for."""

from __future__ import annotations

import json
import pickle
import typing
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ipr.boot import light
from tests.case import Case


class Light(light.NamedTuple):
    """Of ours."""

    first: int
    second: str = "two"
    third: tuple[int, ...] = ()


class Heavy(typing.NamedTuple):
    """Of typing's."""

    first: int
    second: str = "two"
    third: tuple[int, ...] = ()


class NamedTupleTests(Case):
    def test_light_tuple_is_as_the_real_one(self) -> None:
        """Fields, defaults, equality and what is replaced."""
        for make in (Light, Heavy):
            made: Any = make(1, third=(3,))
            self.assertEqual(made, (1, "two", (3,)))
            self.assertEqual((made.first, made.second, made.third), tuple(made))
            self.assertEqual(made._replace(second="2"), (1, "2", (3,)))
            self.assertEqual(made._fields, ("first", "second", "third"))
            self.assertEqual(
                repr(made), f"{make.__name__}(first=1, second='two', third=(3,))"
            )
            self.assertEqual(pickle.loads(pickle.dumps(made)), made)

    def test_wrong_fields_are_a_type_error(self) -> None:
        """What does not fit is a TypeError."""
        for make in (Light, Heavy):
            loose: Any = make
            for values, named in (
                ((), {}),
                ((1, "2", (), 4), {}),
                ((1,), {"fourth": 4}),
                ((1,), {"first": 1}),
            ):
                self.raised(TypeError, partial(loose, *values, **named))

    def test_cannot_be_changed(self) -> None:
        """They are values."""
        made: Any = Light(1)
        self.raised(AttributeError, setattr, made, "first", 2)


def outcome(read: Any, text: str) -> Any:
    try:
        return repr(read(text))
    except ValueError as error:
        return type(error), str(error)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


#: Making such values takes longer than reading them.
FEWER = settings(deadline=None, max_examples=40)


class JsonTests(Case):
    @FEWER
    @given(_VALUES, st.sampled_from([None, 2]))
    def test_reads_as_json_does(self, value: Any, indent: int | None) -> None:
        text = json.dumps(value, indent=indent)
        self.assertEqual(repr(light.loads(text)), repr(json.loads(text)))

    @given(st.text(st.sampled_from('{}[]",:\\ \n\t1-.eEtrufalsn\x00é')))
    def test_complains_as_json_does(self, text: str) -> None:
        self.assertEqual(outcome(light.loads, text), outcome(json.loads, text))

    def test_nested_too_deeply(self) -> None:
        """Bad input like any other."""
        for text in ("[" * 200_000, '{"a":' * 200_000):
            error = self.raised(ValueError, light.loads, text)
            self.assertEqual(str(error), "it is nested too deeply")

    @FEWER
    @given(st.dictionaries(st.text(), _VALUES))
    def test_writes_as_json_does(self, value: dict[str, Any]) -> None:
        self.assertEqual(light.dumps(value), json.dumps(value, indent=2))
