"""JSONPath (RFC 9535) on an answer, with a limit on the work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathError, JSONPathMatch
from jsonpath.filter import BaseExpression, RelativeFilterQuery, RootFilterQuery
from jsonpath.function_extensions import ExpressionType, FilterFunction
from jsonpath.parse import Parser
from jsonpath.stream import TokenStream
from jsonpath.token import TOKEN_SELF

from services.expectations.budget import CURRENT, Budget
from services.expectations.patterns import PatternRefused, compiled

LONGEST = 500
"""Characters of one path."""


class PathRefused(ValueError):
    """A text that is no JSONPath, or finds nothing in the depth of an answer. The text is a sentence."""


class _Place(JSONPathMatch):
    """A place that was looked at. The library makes one for each."""

    def __init__(self, **parts: Any) -> None:  # noqa: ANN401 - handed on as they are
        CURRENT.get().spend()
        super().__init__(**parts)


class _Path(JSONPath):
    """A path that begins at a place which counts, so that all places below it do."""

    def finditer(self, data: Any, *, filter_context: Mapping[str, Any] | None = None) -> Iterable[JSONPathMatch]:  # noqa: ANN401
        places: Iterable[JSONPathMatch] = [
            _Place(filter_context=filter_context or {}, obj=data, parent=None, path="$", parts=(), root=data)
        ]
        for segment in self.segments:
            places = segment.resolve(places)
        return places


class _Parser(Parser):
    """Reads the paths inside of filters as paths that count, too."""

    def parse_absolute_query(self, stream: TokenStream) -> BaseExpression:
        stream.next()
        return RootFilterQuery(_Path(env=self.env, segments=self.parse_query(stream)))

    def parse_relative_query(self, stream: TokenStream) -> BaseExpression:
        stream.eat(TOKEN_SELF)
        return RelativeFilterQuery(_Path(env=self.env, segments=self.parse_query(stream)))


class _Fits(FilterFunction):
    """``match()`` and ``search()`` of RFC 9535 2.4.6 and 2.4.7. A pattern that cannot be used fits nothing."""

    arg_types = [ExpressionType.VALUE, ExpressionType.VALUE]  # noqa: RUF012 - as the library declares it
    return_type = ExpressionType.LOGICAL

    def __init__(self, *, is_whole: bool) -> None:
        self._is_whole = is_whole

    def __call__(self, value: object, pattern: object) -> bool:
        if not isinstance(value, str) or not isinstance(pattern, str):
            return False
        try:
            found = compiled(pattern)
        except PatternRefused:
            return False
        return (found.fullmatch if self._is_whole else found.search)(value, CURRENT.get())


class _Environment(JSONPathEnvironment):
    parser_class = _Parser

    def __init__(self) -> None:
        super().__init__(strict=True)

    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        self.function_extensions["match"] = _Fits(is_whole=True)
        self.function_extensions["search"] = _Fits(is_whole=False)

    def compare(self, left: object, operator: str, right: object) -> bool:
        CURRENT.get().weigh(left)
        return super().compare(left, operator, right)


@lru_cache(maxsize=256)
def parsed(path: str) -> JSONPath:
    """The path of ``path``. Raises PathRefused with what is wrong about it."""
    if len(path) > LONGEST:
        raise PathRefused(f"The path is longer than {LONGEST} characters.")
    try:
        # RFC 9535 alone: no unions of paths, which the library reads elsewhere.
        found = _Environment().compile(path)
    except (JSONPathError, RecursionError) as error:
        raise PathRefused(f"{path} is no JSONPath: {_words(error)}.") from None
    if not isinstance(found, JSONPath):
        raise PathRefused(f"{path} is no JSONPath of RFC 9535: it joins two.")
    return _Path(env=found.env, segments=found.segments)


def is_single(path: str) -> bool:
    """Whether ``path`` can find one value at most: names and places alone. Raises PathRefused."""
    return parsed(path).singular_query()


def find(path: str, document: Any, budget: Budget) -> list[Any]:  # noqa: ANN401 - parsed JSON
    """What ``path`` finds in ``document``, in its order. Raises PathRefused, TooMuch."""
    chosen = parsed(path)
    before = CURRENT.set(budget)
    try:
        return [place.obj for place in chosen.finditer(document)]
    except (JSONPathError, RecursionError) as error:
        raise PathRefused(f"{path} cannot be followed: {_words(error)}.") from None
    finally:
        CURRENT.reset(before)


def _words(error: Exception) -> str:
    return str(error.args[0] if error.args else "it is nested too deeply").rstrip(".")
