"""Ways into a document, as a mapping names them, and the fields that are read along them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict

_FROM_DOCUMENT = "$."
_PATH = re.compile(r"(?:\$\.)?[^.\[\]\s]+(?:\.[^.\[\]\s]+)*")

Reader = Callable[[object], Any]
"""Gives the typed value, None for null and blanks alone, or raises ValueError with what follows the field's name."""


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A way into a document: `text` as people write it, `steps` from the item, or from the document."""

    text: str
    steps: tuple[str, ...]
    from_document: bool

    def find(self, item: Any, document: Any) -> Any:
        """Give what stands at the path, None where nothing does."""
        node = document if self.from_document else item
        for step in self.steps:
            node = node.get(step) if type(node) is dict else _step(node, step)
        return node


class _LookUp(NamedTuple):
    """A path; `name` is all of it where it has a single step."""

    from_document: bool
    name: str | None
    path: FieldPath


def _look_up(path: FieldPath) -> _LookUp:
    return _LookUp(path.from_document, path.steps[0] if len(path.steps) == 1 else None, path)


def _step(node: Any, step: str) -> Any:
    if isinstance(node, Mapping):
        return node.get(step)
    if isinstance(node, Sequence) and not isinstance(node, str) and step.isdecimal():
        return node[int(step)] if int(step) < len(node) else None
    return None


def _paths(value: object) -> tuple[FieldPath, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list):
        raise ValueError(f"{value!r} is not a path or a list of paths")  # noqa: TRY004 - pydantic's way
    paths = []
    for text in texts:
        if not isinstance(text, str) or not _PATH.fullmatch(text):
            raise ValueError(f"{text!r} is not a path such as item.quantity")
        steps = text.removeprefix(_FROM_DOCUMENT)
        paths.append(FieldPath(steps, tuple(steps.split(".")), text.startswith(_FROM_DOCUMENT)))
    return tuple(paths)


Paths = Annotated[tuple[FieldPath, ...], BeforeValidator(_paths)]


def holds_something(value: object) -> bool:
    """Whether a value is more than null and blanks."""
    return value is not None and (type(value) is not str or not value.isspace()) and value != ""


def as_it_is(value: object) -> object:
    """Read a value whose parts are read later."""
    return value if holds_something(value) else None


class Fields(BaseModel):
    """A group of fields with the paths that lead to each, and in `readers` with what reads each."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
    readers: ClassVar[Mapping[str, Reader]]

    @cached_property
    def _plan(self) -> tuple[tuple[str, Reader, str | None, tuple[_LookUp, ...]], ...]:
        """Each field, its reader, the name to look up in the item at first, and what else to try."""
        plan = []
        for name, read in self.readers.items():
            ways = [_look_up(path) for path in getattr(self, name)]
            near = ways[0].name if ways and not ways[0].from_document else None
            plan.append((name, read, near, tuple(ways if near is None else ways[1:])))
        return tuple(plan)

    def read(self, item: Any, document: Any, faults: dict[str, str]) -> list[Any]:
        """Read the fields in the order of `readers`; None: nothing there, or `faults` is told what is wrong with it."""
        # A return has some fifty fields. Nearly all of them stand right in the item, where one look-up finds them.
        get = item.get if type(item) is dict else partial(_step, item)
        values = []
        for name, read, near, others in self._plan:
            value = None
            try:
                if near is not None and (raw := get(near)) is not None:
                    value = read(raw)
                if value is None and others and (raw := _first(others, item, document)) is not None:
                    value = read(raw)
            except ValueError as error:
                faults[name] = str(error)
            values.append(value)
        return values

    def place(self, name: str, item: Any, document: Any, above: str = "") -> str:
        """Say where a field of the item that stands at `above` was found, or else was looked for first."""
        paths: tuple[FieldPath, ...] = getattr(self, name)
        if not paths:
            return name
        found = (path for path in paths if holds_something(path.find(item, document)))
        path = next(found, paths[0])
        return path.text if path.from_document or not above else f"{above}.{path.text}"


def _first(ways: tuple[_LookUp, ...], item: Any, document: Any) -> Any:
    for from_document, name, path in ways:
        node = document if from_document else item
        value = node.get(name) if name is not None and type(node) is dict else path.find(item, document)
        if value is not None and holds_something(value):
            return value
    return None
