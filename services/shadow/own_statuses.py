"""Which answers are errors in a run: fixed when it begins, whatever the setting says later. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.shadow.model import Run
from services.statuses import StatusSets

_STATUSES = tuple(str(status) for status in range(400, 600))


def of_run(run: Run, setting: StatusSets) -> StatusSets:
    """The sets of ``run``; ``setting``, which is of now, for one that began before runs kept theirs."""
    return run.statuses or setting


def told(sets: StatusSets) -> str:
    """Which answers count, and which do not, in whole sentences."""
    client = sets.client_words
    others = "" if client == "none" else f" Mistakes of the callers, {client}, do not count."
    return f"Errors are {sets.server_words}.{others}"


def another_setting(run: Run, setting: StatusSets) -> str:
    """That the setting is another one by now, in always the same words; "" while it is not."""
    if run.statuses is None or _kinds(run.statuses) == _kinds(setting):
        return ""
    return (
        "Which statuses count as errors is set otherwise now than when this run began. It keeps its own. "
        f"{told(run.statuses)} Other pages go by the setting."
    )


def document(sets: StatusSets | None) -> dict[str, list[str]] | None:
    """The sets as JSON keeps them."""
    return None if sets is None else {"server": list(sets.server), "client": list(sets.client)}


def read(kept: Mapping[str, Sequence[str]] | None) -> StatusSets | None:
    """The sets of a :func:`document`."""
    return None if kept is None else StatusSets(tuple(kept["server"]), tuple(kept["client"]))


def _kinds(sets: StatusSets) -> list[tuple[bool, bool]]:
    """What every status is: lists that are written otherwise may say the same."""
    return [(sets.is_server_error(each), sets.is_client_error(each)) for each in _STATUSES]
