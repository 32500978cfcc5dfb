"""Light stand-ins for ``typing.NamedTuple`` and ``json``.

Knows how to have named tuples and JSON without their imports. Must not know what they
are for. Until the first inner kernel is forked every millisecond is one that each start
takes longer: ``typing`` and ``json``, with the regular expressions and enumerations
that they import, take 15 ms, as much as Python itself takes to start.
"""

from __future__ import annotations

from operator import itemgetter

__all__ = ["NamedTuple", "dumps", "loads"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple
else:

    class NamedTuple(tuple):
        """As ``typing.NamedTuple``; fields, defaults and ``_replace``."""

        __slots__ = ()

        def __init_subclass__(cls):
            cls._fields = tuple(cls.__annotations__)
            cls._field_defaults = {}
            for place, name in enumerate(cls._fields):
                if name in cls.__dict__:
                    cls._field_defaults[name] = cls.__dict__[name]
                setattr(cls, name, property(itemgetter(place)))

        def __new__(cls, *values, **named):  # noqa: D102
            rest = {**cls._field_defaults, **named}
            try:
                more = [rest[name] for name in cls._fields[len(values) :]]
            except KeyError as error:
                raise TypeError(f"{cls.__name__} lacks {error}") from None
            if len(values) + len(more) != len(cls._fields) or named.keys() - set(
                cls._fields[len(values) :]
            ):
                raise TypeError(f"{cls.__name__} has the fields {cls._fields}")
            return tuple.__new__(cls, (*values, *more))

        def __repr__(self):
            pairs = zip(self._fields, self, strict=True)
            said = ", ".join(f"{name}={value!r}" for name, value in pairs)
            return f"{type(self).__name__}({said})"

        def __getnewargs__(self):
            return tuple(self)

        def _replace(self, **named):
            return type(self)(**dict(zip(self._fields, self, strict=True)) | named)


class _Context:
    """What json's scanner asks the decoder for."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012


# Functions in C without types, which another Python may not have.
_quoted: Any = None
_scan: Any = None
try:
    # The C half of "json", which takes no regular expressions. json itself
    # does without where there is none.
    import _json

    _quoted = _json.encode_basestring_ascii
    _scan = _json.make_scanner(_Context())  # type: ignore[arg-type]
except (ImportError, AttributeError):
    pass


def loads(text: str) -> Any:
    """Read JSON, as ``json.loads`` does.

    :raises ValueError: with the words of ``json``; also for what is nested too
        deeply, of which ``json`` makes a RecursionError.
    """
    try:
        return _loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _loads(text: str) -> Any:
    if _scan is not None:
        stripped = text.strip(" \t\n\r")
        try:
            value, end = _scan(stripped, 0)
            if end == len(stripped):
                return value
        except (StopIteration, ValueError):
            pass
    import json

    return json.loads(text)


def dumps(flat: dict[str, Any]) -> str:
    """Write an object, as ``json.dumps`` does with ``indent=2``."""
    if _quoted is None or not all(type(value) in (str, int) for value in flat.values()):
        import json

        return json.dumps(flat, indent=2)
    lines = [
        f"  {_quoted(name)}: {value if type(value) is int else _quoted(value)}"
        for name, value in flat.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}" if lines else "{}"
