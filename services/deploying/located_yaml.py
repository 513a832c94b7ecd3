"""YAML with the line of every value, as PyYAML's safe loader reads it, within limits that a hostile text cannot pass.

azure-ai-ml reads with ``yaml.safe_load``, so the same text must mean the same here: YAML 1.1, merge keys, the last one
of two equal keys. What differs: a text may hold several documents, unknown tags and too many aliases are refused, and
the values are built here from the parser's events, because only they still know their lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from services.deploying.model import FieldPath

_Event: TypeAlias = Any
"""What libyaml's parser answers; it has no types."""
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml parses a megabyte in a fraction of a second, PyYAML's own parser takes many."""
MAX_VALUES = 20_000
"""Values in one text, counted as often as aliases repeat them: the billion laughs end here."""
MAX_DEPTH = 40
"""How deep mappings and lists may lie in each other. Azure's schema needs eight."""
_SPECIAL = ("tag:yaml.org,2002:merge", "tag:yaml.org,2002:value")
"""The words << and =; PyYAML refuses them as values."""
_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "binary")}


class BadYaml(ValueError):
    """The text cannot be read. ``code`` is stable, ``line`` counts from 1."""

    def __init__(self, code: str, line: int, why: str, fix: str) -> None:
        super().__init__(why)
        self.code, self.line, self.why, self.fix = code, line, why, fix


@dataclass(frozen=True)
class Repeated:
    """A key that stands twice in one mapping; the later one counts."""

    path: FieldPath
    line: int
    first_line: int


@dataclass(frozen=True)
class Located:
    """One document: its value, the line in which it begins, the lines of its fields, and the keys that stand twice."""

    content: Any
    line: int
    lines: Mapping[FieldPath, int]
    repeated: tuple[Repeated, ...] = ()


def read(text: str) -> tuple[Located, ...]:
    """All documents of ``text``. Raises BadYaml, which says in which line it stopped."""
    return tuple(read_each(text))


def read_each(text: str) -> Iterator[Located]:
    """The documents of ``text`` one after the other, so that those before a mistake are known. Raises BadYaml."""
    try:
        parser = _PARSER(text)
    except yaml.reader.ReaderError as error:
        raise _unreadable_character(text, error.position, error.character) from None
    except UnicodeEncodeError as error:
        raise _unreadable_character(text, error.start, text[error.start]) from None
    builder = _Builder(parser)
    try:
        parser.get_event()
        while not parser.check_event(yaml.StreamEndEvent):
            yield builder.document()
    except yaml.reader.ReaderError as error:
        raise _unreadable_character(text, error.position, error.character) from None
    except yaml.MarkedYAMLError as error:
        raise _syntax(error) from None
    finally:
        parser.dispose()


@dataclass
class _Value:
    """A built value. ``weight`` counts the values in it, aliases in full."""

    content: Any
    line: int
    lines: dict[FieldPath, int] = field(default_factory=dict)
    weight: int = 1


class _Scalars(yaml.constructor.SafeConstructor, yaml.resolver.Resolver):
    """Only the part of PyYAML that says what a plain word means: a number, a date, a text."""

    def __init__(self) -> None:
        yaml.constructor.SafeConstructor.__init__(self)
        yaml.resolver.Resolver.__init__(self)

    def word_tag(self, value: str, implicit: tuple[bool, bool]) -> str:
        """What kind of value a word without a tag is."""
        return str(self.resolve(yaml.ScalarNode, value, implicit))  # type: ignore[no-untyped-call]  # PyYAML's stubs


class _Builder:
    """Builds values from the parser's events."""

    def __init__(self, parser: _Event) -> None:
        self._parser = parser
        self._scalars = _Scalars()
        self._weight = 0
        self._anchors: dict[str, _Value | None] = {}
        self._repeated: list[Repeated] = []

    def document(self) -> Located:
        """The next document."""
        start = self._parser.get_event()
        self._anchors, self._repeated = {}, []
        value = self._value((), 0)
        self._parser.get_event()
        line = value.line if value.content is not None else _line(start)
        return Located(value.content, line, {**value.lines, (): line}, tuple(self._repeated))

    def _value(self, path: FieldPath, depth: int) -> _Value:
        event = self._parser.get_event()
        if depth > MAX_DEPTH:
            raise BadYaml("yaml-too-deep", _line(event), f"It nests more than {MAX_DEPTH} levels.", "Make it flatter.")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(event, path, depth)
        else:
            value = self._mapping(event, path, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _alias(self, event: _Event) -> _Value:
        line = _line(event)
        if event.anchor not in self._anchors:
            fix = f"Write &{event.anchor} before the value that is meant."
            raise BadYaml("yaml-alias", line, f"*{event.anchor} repeats a value that nothing names.", fix)
        value = self._anchors[event.anchor]
        if value is None:
            raise BadYaml("yaml-alias", line, f"*{event.anchor} would contain itself.", "Write the value out.")
        self._count(value.weight, line)
        # The line of the alias is where a person looks; what is inside keeps the lines of the anchor.
        return _Value(value.content, line, value.lines, value.weight)

    def _scalar(self, event: _Event) -> _Value:
        self._count(1, _line(event))
        tag = event.tag
        if tag is None or tag == "!":
            implicit = event.implicit if tag is None else (False, True)
            tag = self._scalars.word_tag(event.value, implicit)
        if tag in _SPECIAL:
            fix = f'Write "{event.value}" in quotes.'
            raise BadYaml("yaml-value", _line(event), f"{event.value} has a meaning of its own in YAML.", fix)
        if tag not in _SCALARS:
            raise _unknown_tag(event)
        node = yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark)
        try:
            return _Value(self._scalars.construct_object(node), _line(event))
        except (ValueError, OverflowError, yaml.YAMLError):
            fix = "Put it in quotes to make it a text."
            raise BadYaml("yaml-value", _line(event), f"“{event.value[:60]}” is no value of its kind.", fix) from None

    def _sequence(self, event: _Event, path: FieldPath, depth: int) -> _Value:
        _refuse_tags(event, "tag:yaml.org,2002:seq")
        self._count(1, _line(event))
        result = _Value([], _line(event))
        while not self._parser.check_event(yaml.SequenceEndEvent):
            place = len(result.content)
            _put(result, place, self._value((*path, place), depth + 1))
        self._parser.get_event()
        return result

    def _mapping(self, event: _Event, path: FieldPath, depth: int) -> _Value:
        _refuse_tags(event, "tag:yaml.org,2002:map")
        self._count(1, _line(event))
        own, merged = _Value({}, _line(event)), _Value({}, _line(event))
        while not self._parser.check_event(yaml.MappingEndEvent):
            if _is_merge(self._parser.peek_event()):
                self._parser.get_event()
                _merge(merged, self._value((*path, "<<"), depth + 1))
                continue
            key = self._value(path, depth + 1)
            name = _key(key)
            value = self._value((*path, name), depth + 1)
            if name in own.content:
                self._repeated.append(Repeated((*path, name), key.line, own.lines[(name,)]))
            # A field begins where its name stands, also when its value comes a line later.
            value = _Value(value.content, key.line, value.lines, value.weight)
            _put(own, name, value)
        self._parser.get_event()
        for name, content in merged.content.items():
            if name not in own.content:
                _put(own, name, _Value(content, merged.lines[(name,)], _below(merged, name)))
        return own

    def _count(self, weight: int, line: int) -> None:
        self._weight += weight
        if self._weight > MAX_VALUES:
            why = f"It holds more than {MAX_VALUES:,} values, counted as often as aliases repeat them."
            raise BadYaml("yaml-too-many-values", line, why, "Write out what is needed without aliases.")


def _put(holder: _Value, name: str | int, value: _Value) -> None:
    if isinstance(holder.content, list):
        holder.content.append(value.content)
    else:
        if name in holder.content:
            for place in [place for place in holder.lines if place[0] == name]:
                del holder.lines[place]
        holder.content[name] = value.content
    holder.lines[(name,)] = value.line
    for place, line in value.lines.items():
        holder.lines[(name, *place)] = line
    holder.weight += value.weight


def _below(value: _Value, name: str | int) -> dict[FieldPath, int]:
    """The lines of what lies in one of a value's fields, as that field counts them."""
    return {place[1:]: line for place, line in value.lines.items() if place[0] == name and len(place) > 1}


def _merge(merged: _Value, value: _Value) -> None:
    """``<<: *name`` or ``<<: [*first, *second]``: the first that has a key wins."""
    if isinstance(value.content, list):
        parts = [_Value(each, value.line, _below(value, at)) for at, each in enumerate(value.content)]
    else:
        parts = [value]
    for part in parts:
        if not isinstance(part.content, dict):
            raise BadYaml("yaml-merge", value.line, "<< can only take in a mapping.", "Write the fields out.")
        for name, content in part.content.items():
            if name not in merged.content:
                _put(merged, name, _Value(content, part.lines.get((name,), part.line), _below(part, name)))


def _key(key: _Value) -> str | int:
    """The key as PyYAML has it: a word, but also a number, a date or yes and no."""
    if isinstance(key.content, dict | list):
        raise BadYaml("yaml-key", key.line, "A mapping or a list cannot be the name of a field.", "Put it in quotes.")
    name: str | int = key.content
    return name


def _is_merge(event: _Event) -> bool:
    return isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.tag is None and event.implicit[0]


def _refuse_tags(event: _Event, usual: str) -> None:
    if event.tag not in (None, "!", usual):
        raise _unknown_tag(event)


def _unknown_tag(event: _Event) -> BadYaml:
    tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
    if tag == "!hidden":
        why, fix = "A value is hidden in this file.", "Write the value itself in place of !hidden."
    else:
        why, fix = (
            f"{tag[:60]} is no kind of value that is taken from a file.",
            "Remove it, and write the value plainly.",
        )
    return BadYaml("yaml-tag", _line(event), why, fix)


def _line(event: _Event) -> int:
    return int(event.start_mark.line) + 1


def _syntax(error: yaml.MarkedYAMLError) -> BadYaml:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 0
    problem = str(error.problem or error.context or "the text ends too early")
    if "\\t" in problem or "cannot start any token" in problem:
        fix = "Indent with spaces, not with tabs, and put text that begins with % @ or ` in quotes."
    elif "mapping values are not allowed" in problem or "could not find expected ':'" in problem:
        fix = "Look for a colon in a text without quotes, a missing space after a colon, and the indentation."
    else:
        fix = "Look at this line and the one before it: indentation, quotes, brackets."
    column = f", column {mark.column + 1}" if mark else ""
    context = f" ({error.context})" if error.context and error.context != problem else ""
    return BadYaml("yaml-broken", line, f"In line {line}{column}: {problem}{context}.", fix)


def _unreadable_character(text: str, position: int, character: int | str) -> BadYaml:
    line = text.count("\n", 0, position) + 1
    number = character if isinstance(character, int) else ord(str(character)[:1] or "\0")
    why = f"In line {line} there is a character that YAML does not allow (U+{number:04X})."
    return BadYaml("yaml-character", line, why, "Delete it, or write it as an escape in double quotes.")
