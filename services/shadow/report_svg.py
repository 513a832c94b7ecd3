"""Charts of a report as SVG text: no script, no font and no colour from elsewhere. Pure.

Lines have the classes ``live`` and ``candidate``; the page around them says the colours of both themes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape

from services import digits

WIDTH, HEIGHT = 640, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 14, 34
_TICKS = 5
_NEAR = 0.03
"""So near the end of an axis, words are set inwards."""
_MINUTES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080)
"""Steps of a time axis."""

Point = tuple[float, float]
Bar = tuple[float, float, float, float]
"""Where it stands, the value, and the ends of its interval."""


@dataclass(frozen=True)
class Axis:
    """Values from ``low`` to ``high`` on a scale: linear, logarithmic, or seconds since 1970 as times of day."""

    low: float
    high: float
    unit: str = ""
    is_log: bool = False
    is_time: bool = False

    def share(self, value: float) -> float:
        """Where ``value`` lies, 0 at ``low`` and 1 at ``high``."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.is_log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return (at - low) / (high - low) if high > low else 0.5

    def ticks(self) -> list[float]:
        """Round values on the axis."""
        if self.is_time:
            return _times(self.low, self.high)
        if self.is_log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            wide = self.high / self.low > 200
            found = [part * 10.0**power for power in powers for part in ((1,) if wide else (1, 2, 5))]
            return [each for each in found if self.low <= each <= self.high]
        step = _round_step((self.high - self.low) / _TICKS)
        first = math.ceil(self.low / step - 1e-9)
        return [step * place for place in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def text(self, value: float) -> str:
        """A tick's words."""
        if self.is_time:
            at = datetime.fromtimestamp(value, UTC)
            return f"{at:%d %b}" if self.high - self.low > 3 * 86_400 else f"{at:%H:%M}"
        return digits.rounded(value, 6)


@dataclass
class Chart:
    """A chart of ``x`` and ``y``; what is added is drawn in order. ``told`` is what it says in words."""

    x: Axis
    y: Axis
    told: str
    _parts: list[str] = field(default_factory=list)

    def line(self, points: Sequence[Point], who: str) -> None:
        """A line through ``points``."""
        if points:
            self._parts.append(f'<path class="line {who}" d="{self._path(points)}"/>')

    def band(self, low: Sequence[Point], high: Sequence[Point], who: str) -> None:
        """The area between two lines."""
        if low and high:
            self._parts.append(f'<path class="band {who}" d="{self._path([*low, *reversed(high)])}Z"/>')

    def dots(self, points: Sequence[Point], who: str) -> None:
        """A dot for each point."""
        for at, value in points:
            self._parts.append(f'<circle class="dot {who}" cx="{self._x(at)}" cy="{self._y(value)}" r="2"/>')

    def bars(self, bars: Sequence[Bar], who: str, shift: float = 0.0) -> None:
        """A dot with its interval for each, ``shift`` pixels to the right."""
        for at, value, low, high in bars:
            x = f"{float(self._x(at)) + shift:.1f}"
            upright = f'x1="{x}" x2="{x}" y1="{self._y(low)}" y2="{self._y(high)}"'
            self._parts.append(f'<line class="whisker {who}" {upright}/>')
            self._parts.append(f'<circle class="dot {who}" cx="{x}" cy="{self._y(value)}" r="2.5"/>')

    def level(self, value: float, words: str = "") -> None:
        """A line across at ``value``."""
        y = self._y(value)
        self._parts.append(f'<line class="level" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        if words:
            x, above = WIDTH - _RIGHT, f"{float(y) - 4:.1f}"
            self._parts.append(f'<text class="quiet" x="{x}" y="{above}" text-anchor="end">{escape(words)}</text>')

    def svg(self) -> str:
        """The whole chart."""
        return (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.told)}">'
            f"{''.join(self._axes())}{''.join(self._parts)}</svg>"
        )

    def _axes(self) -> list[str]:
        bottom, found = HEIGHT - _BOTTOM, []
        for each in self.y.ticks():
            y = self._y(each)
            found.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
            text = escape(f"{self.y.text(each)} {self.y.unit}".strip())
            found.append(f'<text x="{_LEFT - 6}" y="{float(y) + 3.5:.1f}" text-anchor="end">{text}</text>')
        for each in self.x.ticks():
            text = escape(f"{self.x.text(each)} {self.x.unit}".strip())
            share = self.x.share(each)
            anchor = "start" if share < _NEAR else "end" if share > 1 - _NEAR else "middle"
            found.append(f'<text x="{self._x(each)}" y="{bottom + 18}" text-anchor="{anchor}">{text}</text>')
        return found

    def _path(self, points: Sequence[Point]) -> str:
        return "M" + "L".join(f"{self._x(at)} {self._y(value)}" for at, value in points)

    def _x(self, value: float) -> str:
        return f"{_LEFT + (WIDTH - _LEFT - _RIGHT) * self.x.share(value):.1f}"

    def _y(self, value: float) -> str:
        return f"{HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * self.y.share(value):.1f}"


def around(values: Sequence[float], *, least: float = 0.0, unit: str = "", has_zero: bool = True) -> Axis:
    """A linear axis that holds ``values``, and 0 unless told otherwise; it spans ``least`` at least."""
    held = [*values, 0.0] if has_zero or not values else list(values)
    low, high = min(held), max(held)
    room = max((high - low) * 0.08, (least - (high - low)) / 2, 1e-9)
    return Axis(low - (room if low < 0 or not has_zero else 0.0), high + room, unit)


def interval_bar(
    ends: tuple[float | None, float | None] | None,
    estimate: float | None,
    limit: float,
    place: Callable[[float], float],
) -> str:
    """An interval against its limit on a line of its own; ``place`` says where a number lies, 0 to 1.

    ``ends`` is None without data, and one of them where it is open. ``estimate`` is None where it has no place.
    """
    width, height = 200, 26

    def at(number: float) -> float:
        return round(4 + (width - 8) * min(max(place(number), 0.0), 1.0), 1)

    edge = at(limit)
    parts = [f'<rect class="beyond" x="{edge}" y="2" width="{width - edge:.1f}" height="{height - 4}"/>']
    if ends is not None:
        lower, upper = ends
        left, right = (4.0 if lower is None else at(lower)), (width - 4.0 if upper is None else at(upper))
        parts.append(f'<line class="interval" x1="{left}" x2="{right}" y1="13" y2="13"/>')
    if estimate is not None:
        parts.append(f'<circle class="estimate" cx="{at(estimate)}" cy="13" r="4"/>')
    parts.append(f'<line class="limit" x1="{edge}" x2="{edge}" y1="1" y2="{height - 1}"/>')
    return f'<svg class="against" viewBox="0 0 {width} {height}" aria-hidden="true">{"".join(parts)}</svg>'


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(part * power for part in (1, 2, 5, 10) if part * power >= rough * 0.999)


def _times(low: float, high: float) -> list[float]:
    step = 60 * next((each for each in _MINUTES if (high - low) / 60 / each <= _TICKS + 1), _MINUTES[-1])
    first = math.ceil(low / step)
    return [float(step * place) for place in range(first, math.floor(high / step) + 1)]
