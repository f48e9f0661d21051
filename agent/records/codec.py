"""A conversation's state and its answers as JSON and back: what is read is the value that was written, or a clear fault."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from knowledge.errors import StoreError

T = TypeVar("T")


def encode(value: Any) -> str:
    """A frozen dataclass of the agent as JSON."""
    return json.dumps(asdict(value), ensure_ascii=False, sort_keys=True)


def decode(kind: type[T], text: str) -> T:
    """The value that `encode` wrote. A field added since has its default; one that is gone is left out.

    Raises:
        StoreError: it is no such value. Nothing of it is in the message.
    """
    try:
        found: T = _value(kind, json.loads(text))
    except (ValueError, TypeError, KeyError) as fault:
        # The fault may quote what was read, so it does not come along.
        raise StoreError(
            f"A stored {kind.__name__} cannot be read ({type(fault).__name__})",
            remedy="Restore it from a backup, or erase it",
        ) from None
    return found


def _value(kind: Any, given: Any) -> Any:
    if is_dataclass(kind):
        return _dataclass(kind, given)
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if given is None and type(None) in inside else _first_that_fits(inside, given)
    if origin is Literal:
        return _checked(given in inside, given)
    if origin is tuple:
        return tuple(_value(inside[0], each) for each in _checked(isinstance(given, list), given))
    if origin in (dict, Mapping):
        return {name: _value(inside[1], each) for name, each in _checked(isinstance(given, dict), given).items()}
    if kind is float:
        return float(_checked(type(given) in (int, float), given))
    return _checked(type(given) is kind, given)


def _dataclass(kind: Any, given: Any) -> Any:
    _checked(isinstance(given, dict), given)
    known = {}
    for field in fields(kind):
        if field.name in given:
            known[field.name] = _value(_hints(kind)[field.name], given[field.name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise KeyError(field.name)
    return kind(**known)


def _first_that_fits(kinds: tuple[Any, ...], given: Any) -> Any:
    for kind in kinds:
        if kind is type(None):
            continue
        try:
            return _value(kind, given)
        except (ValueError, TypeError, KeyError):
            continue
    raise ValueError("no kind fits")


def _checked(right: bool, given: Any) -> Any:
    if not right:
        raise ValueError("another type")
    return given


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
