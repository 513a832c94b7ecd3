"""The switches of the local Azure: where real Azure's behaviour or speed is not public, the person chooses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from emulator.documents import Documents

_DAY = 86_400
_YEAR = 366 * _DAY


@dataclass(frozen=True)
class Settings:
    """The values in force.

    `operation_seconds`: the least time a long-running operation takes.
    `stale_read_seconds`: for how long after a write reads still answer what was there before.
    `clock_shift_seconds`: how far the local Azure's clock is ahead of the machine's; negative when behind.
    `scoring_token_seconds`: how long an aml_token opens an endpoint.
    `cores_quota`: cores that each family of instance types may use in a region.
    `requests_per_second`, `connections_per_second`, `active_connections`, `bytes_per_second`: limits of every endpoint
    (how-to-manage-quotas: 500, 500, 500 and 5 MB).
    `shadow_in_endpoint_metrics`, `shadow_in_deployment_metrics`, `shadow_in_traffic_log`, `shadow_in_console_log`:
    which of the four sources count or show mirrored requests.
    `mirror_keeps_request_id`: whether a copy bears the request id of the request that it is a copy of.
    `metric_delay_seconds`: how old a minute must be before metrics show it.
    `undocumented_aggregations`: whether metrics answer aggregations that the reference does not list for them.
    `log_delay_seconds`: how old a row must be before Log Analytics shows it.
    `diagnostics_delay_seconds`: how long after a diagnostic setting is made its first rows are kept.
    `activity_delay_seconds`: how old an event must be before the activity log shows it.
    `autoscale_seconds`: how often autoscale settings are evaluated; 0 never.
    """

    operation_seconds: float = 0.3
    stale_read_seconds: float = 0.0
    clock_shift_seconds: float = 0.0
    scoring_token_seconds: float = 3600.0
    cores_quota: int = 100
    requests_per_second: int = 500
    connections_per_second: int = 500
    active_connections: int = 500
    bytes_per_second: int = 5_000_000
    shadow_in_endpoint_metrics: bool = False
    shadow_in_deployment_metrics: bool = True
    shadow_in_traffic_log: bool = False
    shadow_in_console_log: bool = True
    mirror_keeps_request_id: bool = True
    metric_delay_seconds: float = 0.0
    undocumented_aggregations: bool = True
    log_delay_seconds: float = 0.0
    diagnostics_delay_seconds: float = 0.0
    activity_delay_seconds: float = 0.0
    autoscale_seconds: float = 30.0

    def changed(self, wanted: Mapping[str, Any]) -> Settings:
        """These settings with `wanted` on top. Raises ValueError, with a sentence, for a wrong name or value."""
        known = {field.name: str(field.type) for field in fields(self)}
        values: dict[str, Any] = {}
        for name, value in wanted.items():
            if name not in known:
                raise ValueError(f"There is no setting named {name}; there are {', '.join(known)}.")
            values[name] = _checked(name, known[name], value)
        return replace(self, **values)


def _checked(name: str, kind: str, value: object) -> bool | int | float:
    if kind == "bool":
        if not isinstance(value, bool):
            raise ValueError(f"{name} is true or false, not {value!r}.")
        return value
    if kind == "int":
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10**12:
            raise ValueError(f"{name} is a whole number from 1, not {value!r}.")
        return value
    least, most = (-_YEAR, _YEAR) if name == "clock_shift_seconds" else (0, _DAY)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{name} is a number of seconds from {least} to {most}, not {value!r}.")
    return float(value)


class SettingsStore:
    """The settings, kept over restarts."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        kept = documents.get("settings", "settings") or {}
        # Of an earlier version, a setting may be left that is no more.
        names = {field.name for field in fields(Settings)}
        self.current = Settings().changed({name: value for name, value in kept.items() if name in names})

    def change(self, wanted: Mapping[str, Any]) -> Settings:
        """Change some settings and keep them. Raises ValueError as :meth:`Settings.changed` does."""
        self.current = self.current.changed(wanted)
        self._documents.put("settings", "settings", asdict(self.current))
        return self.current
