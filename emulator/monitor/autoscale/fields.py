"""Reading a JSON object whose field names compare without case, as Azure Monitor's service reads them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from emulator.errors import ServiceError
from emulator.monitor.autoscale.model import seconds


def unsupported(message: str) -> ServiceError:
    """The refusal of a body that has not the shape of a setting."""
    return ServiceError(400, "UnsupportedRequestContent", f"Request content is not well formed or supported. {message}")


def refused(message: str, code: str = "BadRequest") -> ServiceError:
    """The refusal of a setting that breaks a rule."""
    return ServiceError(400, code, message)


class Fields:
    """One object of a body. Every method raises ServiceError 400 that names the field when its value will not do."""

    def __init__(self, given: object, where: str) -> None:
        if not isinstance(given, Mapping):
            raise unsupported(f"'{where}' must be an object.")
        self._values: dict[str, Any] = {str(name).lower(): value for name, value in given.items()}
        self._where = where

    def path(self, name: str) -> str:
        """The field's place in the body."""
        return f"{self._where}.{name}"

    def get(self, name: str) -> object:
        """The value as it came, None when it is missing."""
        return self._values.get(name.lower())

    def text(self, name: str, default: str | None = None) -> str:
        """A string; without a default it is required."""
        value = self.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or not value.strip():
            raise unsupported(f"The required property '{self.path(name)}' must be a string that is not empty.")
        return value

    def choice(self, name: str, choices: Collection[str], default: str | None = None) -> str:
        """One of some words, in their own spelling."""
        value = self.text(name, default)
        for known in choices:
            if known.lower() == value.lower():
                return known
        raise unsupported(f"'{self.path(name)}' is '{value}' and must be one of {', '.join(choices)}.")

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise unsupported(f"'{self.path(name)}' must be true or false.")
        return value

    def number(self, name: str) -> float:
        """A number."""
        value = self.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise unsupported(f"The required property '{self.path(name)}' must be a number.")
        try:
            return float(value)
        except OverflowError:
            raise unsupported(f"The number in '{self.path(name)}' is too large.") from None

    def whole(self, name: str, default: str | None = None) -> int:
        """A whole number written as a string, as capacities and changes are."""
        value = self.get(name) if self.get(name) is not None else default
        if not isinstance(value, str) or not value.strip().isdecimal() or len(value) > 9:
            raise unsupported(f"The property '{self.path(name)}' must be a string that holds a whole number.")
        return int(value)

    def wholes(self, name: str, least: int, most: int) -> list[int]:
        """A list of whole numbers in a range, not empty."""
        values = self.items(name)
        if not values or not all(isinstance(each, int) and not isinstance(each, bool) for each in values):
            raise unsupported(f"'{self.path(name)}' must be a list of whole numbers.")
        if not all(least <= each <= most for each in values):
            raise refused(f"Every number in '{self.path(name)}' must be from {least} to {most}.")
        return list(values)

    def items(self, name: str, *, required: bool = True) -> Sequence[Any]:
        """A list."""
        value = self.get(name)
        if value is None and not required:
            return []
        if not isinstance(value, list):
            raise unsupported(f"The property '{self.path(name)}' must be a list.")
        return value

    def within(self, name: str) -> Fields:
        """An object in this one."""
        return Fields(self.get(name), self.path(name))

    def duration(self, name: str, least: str, most: str) -> str:
        """An ISO 8601 duration in a range."""
        value = self.text(name)
        length, low, high = seconds(value), seconds(least), seconds(most)
        if length is None:
            raise unsupported(f"'{self.path(name)}' is '{value}', which is no ISO 8601 duration.")
        assert low is not None
        assert high is not None
        if not low <= length <= high:
            raise refused(f"'{self.path(name)}' is {value} and must be between {least} and {most}.")
        return value
