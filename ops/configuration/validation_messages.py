"""Pydantic's faults in an operator's words: a path into the file and a sentence, never the value that was given."""

from collections.abc import Iterable, Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from router.rules.faults import Fault, Path, did_you_mean

_WANTED = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "timezone_aware": "a time with its zone, for example 2026-11-23T10:00:00+08:00",
    "datetime_type": "a time, for example 2026-11-23T10:00:00+08:00",
    "datetime_parsing": "a time, for example 2026-11-23T10:00:00+08:00",
    "datetime_from_date_parsing": "a time, for example 2026-11-23T10:00:00+08:00",
}


def faults_of(error: ValidationError, model: type[BaseModel], data: object) -> list[Fault]:
    """Each thing that is wrong once, however many branches of a union it failed."""
    grouped: dict[Path, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False, include_input=False):
        grouped.setdefault(_path(detail, data), []).append(detail)
    deepest = [path for path in grouped if not _covered(path, grouped)]
    return [Fault(path, _sentence(path, grouped[path], model)) for path in deepest]


def _path(detail: ErrorDetails, data: object) -> Path:
    """The part of pydantic's location that is in the file; names of a union's branches are left out."""
    path: Path = ()
    for step in detail["loc"]:
        inner = _step(data, step)
        if inner is not _NOWHERE:
            path, data = (*path, step), inner
    return (*path, detail["loc"][-1]) if detail["type"] == "missing" else path


_NOWHERE = object()


def _step(data: object, step: str | int) -> object:
    if isinstance(data, Mapping):
        return data.get(step, _NOWHERE)
    if isinstance(data, list) and isinstance(step, int) and step < len(data):
        return data[step]
    return _NOWHERE


def _covered(path: Path, grouped: Mapping[Path, list[ErrorDetails]]) -> bool:
    """A union fails as a whole, and inside one branch too: the inner fault says more."""
    return any(
        len(other) > len(path) and other[: len(path)] == path and len(grouped[path][0]["loc"]) > len(path)
        for other in grouped
    )


def _sentence(path: Path, details: list[ErrorDetails], model: type[BaseModel]) -> str:
    kinds = {detail["type"] for detail in details}
    key = path[-1] if path else ""
    if "extra_forbidden" in kinds:
        return f"unknown key '{key}'{did_you_mean(str(key), sorted(fields_at(model, path[:-1])))}"
    if "missing" in kinds:
        return f"'{key}' is missing"
    name = _name(path)
    own_words = [_own_words(detail) for detail in details if detail["type"] in ("value_error", "assertion_error")]
    if own_words:
        return f"{name}: {own_words[0]}"
    literals = [
        str(detail.get("ctx", {}).get("expected", "")) for detail in details if detail["type"] == "literal_error"
    ]
    wanted = [*literals, *(_wanted(detail) for detail in details if detail["type"] != "literal_error")]
    return f"{name} must be {' or '.join(dict.fromkeys(wanted))}"


def _name(path: Path) -> str:
    """`'overflow'`, or `item 2 of 'offered'`."""
    if path and isinstance(path[-1], int):
        keys = [step for step in path if isinstance(step, str)]
        return f"item {path[-1] + 1} of '{keys[-1] if keys else ''}'"
    return f"'{path[-1] if path else ''}'"


def _own_words(detail: ErrorDetails) -> str:
    return detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")


def _wanted(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in ("too_short", "string_too_short"):
        return "filled: it is empty"
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        (limit,) = context.values()
        return f"{kind.replace('_', ' ').replace('than equal', 'than or equal to')} {limit}"
    return _WANTED.get(kind) or detail["msg"][:1].lower() + detail["msg"][1:].removeprefix("Input should be ")


def fields_at(model: type[BaseModel], path: Path) -> set[str]:
    """The keys that a model knows at a path."""
    kinds: list[Any] = [model]
    for step in path:
        kinds = [inner for kind in kinds for inner in _inside(kind, step)]
    return {name for kind in kinds for found in _models(kind) for name in _keys(found)}


def _keys(model: type[BaseModel]) -> Iterator[str]:
    return (field.alias or name for name, field in model.model_fields.items())


def _inside(kind: Any, step: str | int) -> Iterator[Any]:
    for branch in _branches(kind):
        if isinstance(branch, type) and issubclass(branch, BaseModel):
            yield from (f.annotation for name, f in branch.model_fields.items() if step in (name, f.alias))
        elif get_origin(branch) in (dict, list, tuple):
            yield get_args(branch)[-1]


def _models(kind: Any) -> Iterable[type[BaseModel]]:
    return (b for b in _branches(kind) if isinstance(b, type) and issubclass(b, BaseModel))


def _branches(kind: Any) -> Iterator[Any]:
    """A type without `Annotated`, its union's members one by one."""
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _branches(get_args(kind)[0])
    elif origin in (Union, UnionType):
        for member in get_args(kind):
            yield from _branches(member)
    elif origin is not Literal and kind is not NoneType:
        yield kind
