"""The switches of the local Azure: where real Azure's behaviour or speed is not public, the person chooses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from emulator.documents import Documents


@dataclass(frozen=True)
class Settings:
    """The values in force.

    `operation_seconds`: the least time a long-running operation takes.
    `shadow_in_endpoint_metrics`: whether mirrored requests count in the endpoint's own metrics.
    `metric_delay_seconds`: how old a minute must be before metrics show it.
    """

    operation_seconds: float = 0.3
    shadow_in_endpoint_metrics: bool = False
    metric_delay_seconds: float = 0.0

    def changed(self, wanted: Mapping[str, Any]) -> Settings:
        """These settings with `wanted` on top. Raises ValueError, with a sentence, for a wrong name or value."""
        known = {field.name: field.type for field in fields(self)}
        values: dict[str, Any] = {}
        for name, value in wanted.items():
            if name not in known:
                raise ValueError(f"There is no setting named {name}; there are {', '.join(known)}.")
            if known[name] == "bool":
                if not isinstance(value, bool):
                    raise ValueError(f"{name} is true or false, not {value!r}.")
                values[name] = value
            else:
                if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 86_400:
                    raise ValueError(f"{name} is a number of seconds from 0 to 86400, not {value!r}.")
                values[name] = float(value)
                assert math.isfinite(values[name])
        return replace(self, **values)


class SettingsStore:
    """The settings, kept over restarts."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self.current = Settings().changed(documents.get("settings", "settings") or {})

    def change(self, wanted: Mapping[str, Any]) -> Settings:
        """Change some settings and keep them. Raises ValueError as :meth:`Settings.changed` does."""
        self.current = self.current.changed(wanted)
        self._documents.put("settings", "settings", asdict(self.current))
        return self.current
