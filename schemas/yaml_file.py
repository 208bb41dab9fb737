"""YAML that people write: plain values, each with the line and column where it stands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from schemas.errors import NotThere, WrongUse

Key = str | int
"""A step into a document: the key of a mapping or the index of a sequence."""

Model = TypeVar("Model", bound=BaseModel)

_TAG = "tag:yaml.org,2002:"
_MAX_DEPTH = 32


class Place(NamedTuple):
    """Where something stands in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Fault(NamedTuple):
    """One thing that is wrong with a file: where, and what to write instead."""

    place: Place
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


class Source(NamedTuple):
    """The text of a YAML file and the name that errors give it."""

    name: str
    text: str


@dataclass(slots=True)
class Faults:
    """Everything that is wrong with a set of files, told at once."""

    found: list[Fault] = field(default_factory=list)

    def add(self, place: Place, text: str) -> None:
        """Note a fault; `text` says what is wrong and what to write instead."""
        self.found.append(Fault(place, text))

    def told(self) -> list[Fault]:
        """Return each fault once, in the order of the files."""
        return sorted(set(self.found))

    def raise_any(self) -> None:
        """Raise `WrongUse` with a line for each fault, in the order of the files; return if there is none."""
        if self.found:
            raise WrongUse("\n".join(map(str, self.told())))


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: `data` of dict, list, str, int, float, bool and None; dates stay text as written."""

    file: str
    data: Any
    _values: dict[tuple[Key, ...], tuple[int, int]]
    _keys: dict[tuple[Key, ...], tuple[int, int]]

    def place(self, *path: Key) -> Place:
        """Return where the value at `path` begins, or that of the nearest value around it."""
        return self._find(self._values, path)

    def place_of_key(self, *path: Key) -> Place:
        """Return where the key that `path` ends in is written."""
        return self._find(self._keys if path in self._keys else self._values, path)

    def _find(self, places: dict[tuple[Key, ...], tuple[int, int]], path: tuple[Key, ...]) -> Place:
        while path and path not in places:
            path, places = path[:-1], self._values
        return Place(self.file, *places.get(path, (1, 1)))


def read_sources(path: Path) -> list[Source]:
    """Return the YAML file at `path`, or those of the folder there, by name; subfolders are not read.

    Raises:
        NotThere: there is no such file or folder, or it cannot be read.
        WrongUse: a file is not UTF-8, or the folder holds no YAML file.
    """
    if not path.exists():
        raise NotThere(f"{path}: no such file or folder; name one with .yaml files in it")
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in {".yaml", ".yml"} and file.is_file())
        if not files:
            raise WrongUse(f"{path}: the folder has no .yaml file; put one there or name another folder")
    return [Source(str(file), _text(file)) for file in files]


def read_documents(source: Source, faults: Faults) -> list[Document]:
    """Return the documents of a source (those that `---` parts); what cannot be read goes to `faults`."""
    reader = YAML(typ="safe", pure=True)
    try:
        nodes = [node for node in reader.compose_all(source.text) if node is not None]
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(source.name, mark.line + 1, mark.column + 1) if mark else Place(source.name, 1, 1)
        faults.add(place, f"no YAML: {error.problem or error.context}; mend the line or the one above")
        return []
    except (YAMLError, RecursionError, ValueError) as error:
        faults.add(Place(source.name, 1, 1), f"no YAML: {str(error).splitlines()[0]}")
        return []
    return [_document(source.name, node, faults) for node in nodes]


def build_model(
    model: type[Model], document: Document, path: tuple[Key, ...], faults: Faults
) -> Model | None:
    """Return the value at `path` as a `model`; where it is none, note each fault and return None."""
    data = document.data
    for step in path:
        data = data[step]
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        for fault in found:
            where = (*path, *fault["loc"])
            size = len(fault["loc"])
            if any(other["loc"][:size] == fault["loc"] != other["loc"] for other in found):
                # It follows from a fault within, as a list is too short without its bad item.
                continue
            if fault["type"] == "extra_forbidden":
                known = ", ".join(sorted(_names(model, fault["loc"][:-1])))
                known = f"; known are {known}" if known else ""
                faults.add(document.place_of_key(*where), f"unknown key {where[-1]!r}{known}")
            elif fault["type"] == "missing":
                faults.add(document.place(*where[:-1]), f"{where[-1]!r} is missing; add it")
            else:
                name = ".".join(str(step) for step in fault["loc"])
                faults.add(document.place(*where), f"{name}: {fault['msg'].removeprefix('Value error, ')}")
    return None


def items(document: Document, key: str, faults: Faults) -> Iterator[int]:
    """Yield the index of each entry of the list under `key`; note a fault where there is no such list."""
    entries = document.data.get(key) if isinstance(document.data, dict) else None
    if isinstance(entries, list):
        yield from range(len(entries))
    else:
        faults.add(document.place(key), f"must be a mapping with a list under {key!r}")


def canonical(data: Any) -> str:
    """Return JSON data as text in one form: keys sorted, no spaces, no escapes but those that JSON needs."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256_of(data: Any) -> str:
    """Return the SHA-256 of the canonical form, in lower-case hex."""
    return hashlib.sha256(canonical(data).encode()).hexdigest()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise NotThere(f"{file}: {error.strerror}; make the file readable") from None
    except UnicodeDecodeError as error:
        raise WrongUse(f"{file}: not UTF-8 (byte {error.start}); save it as UTF-8") from None


def _document(file: str, root: Node, faults: Faults) -> Document:
    values: dict[tuple[Key, ...], tuple[int, int]] = {}
    keys: dict[tuple[Key, ...], tuple[int, int]] = {}
    seen: set[int] = set()

    def position(node: Node) -> tuple[int, int]:
        return node.start_mark.line + 1, node.start_mark.column + 1

    def build(node: Node, path: tuple[Key, ...]) -> Any:
        values[path] = position(node)
        place = Place(file, *position(node))
        # An alias repeats a node: nested ones grow without bound, and one can hold itself.
        if id(node) in seen or len(path) > _MAX_DEPTH:
            faults.add(place, "an alias (*name), or nesting that is too deep; write the value out")
            return None
        seen.add(id(node))
        if isinstance(node, MappingNode):
            return mapping(node, path)
        if isinstance(node, SequenceNode):
            return [build(item, (*path, index)) for index, item in enumerate(node.value)]
        return _scalar(node, place, faults)

    def mapping(node: MappingNode, path: tuple[Key, ...]) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = Place(file, *position(key_node))
            if not isinstance(key_node, ScalarNode):
                faults.add(place, "a key must be a word")
                continue
            key = str(key_node.value)
            if key in built:
                faults.add(place, f"{key!r} stands here twice; keep one")
            keys[(*path, key)] = position(key_node)
            built[key] = build(value_node, (*path, key))
        return built

    return Document(file, build(root, ()), values, keys)


def _scalar(node: Node, place: Place, faults: Faults) -> Any:
    text = str(node.value)
    kind = str(node.tag).removeprefix(_TAG)
    try:
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind == "int":
            return int(text.replace("_", ""), 0) if not text.lstrip("+-").isdigit() else int(text)
        if kind == "float":
            return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        faults.add(place, f"{text!r} is no number; put it in quotes if it is text")
        return None
    if kind not in {"str", "timestamp"}:
        faults.add(place, f"the tag {node.tag} is not read here; write a plain value")
    return text


def _names(model: type[BaseModel], path: Iterable[Key]) -> set[str]:
    """The keys that a model knows at the place that `path` leads to; empty where that cannot be told."""
    if tuple(path):
        return set()
    return {info.alias or name for name, info in model.model_fields.items()}
