"""Which answers are errors, and whose: two sets of HTTP statuses, which the settings may change.

A status that is in both is the server's failure. Everything that counts errors is given these sets, with the numbers or
beside them; nothing reads them behind the reader's back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SERVER_DEFAULT = "5xx,408,424,429"
"""The service failed: 5xx, the model was too slow (408), failed (424) or had too many requests (429)."""
CLIENT_DEFAULT = "4xx"
"""The caller's mistake: every other 4xx."""

_ENTRY = re.compile(r"[45](xx|[0-9]{2})", re.ASCII)
_KNOWN = {"408": "timeout", "424": "model", "429": "overload"}


@dataclass(frozen=True)
class StatusSets:
    """``server`` and ``client`` hold classes (``5xx``) and single statuses (``424``), each once."""

    server: tuple[str, ...]
    client: tuple[str, ...]

    @staticmethod
    def of(server: str = SERVER_DEFAULT, client: str = CLIENT_DEFAULT) -> StatusSets:
        """The sets of two lists with commas. Raises ValueError with a sentence."""
        return StatusSets(parse(server), parse(client))

    def is_server_error(self, status: str) -> bool:
        """Whether ``status`` counts as the service's failure."""
        return _holds(self.server, status)

    def is_client_error(self, status: str) -> bool:
        """Whether ``status`` counts as the caller's mistake."""
        return not self.is_server_error(status) and _holds(self.client, status)

    def is_error(self, status: str) -> bool:
        """Whether ``status`` counts as an error, whoever's it is."""
        return _holds(self.server, status) or _holds(self.client, status)

    @property
    def server_words(self) -> str:
        """The server's errors for a person: ``5xx, 408 (timeout), 424 (model) and 429 (overload)``."""
        return _listed(f"{each} ({_KNOWN[each]})" if each in _KNOWN else each for each in self.server)

    @property
    def client_words(self) -> str:
        """The callers' errors for a person: ``all other 4xx``."""
        left = [each for each in self.client if not _holds(self.server, each) and each not in self.server]
        return _listed(map(self._client_word, left)) or "none"

    def kql(self, column: str) -> Mapping[str, str]:
        """``server`` and ``client`` → a KQL condition on ``column``, which holds a number."""
        server, client = _kql(self.server, column), _kql(self.client, column)
        return {"server": server, "client": f"({client}) and not({server})"}

    def _client_word(self, entry: str) -> str:
        is_cut = entry.endswith("xx") and any(each.startswith(entry[0]) for each in self.server)
        return f"all other {entry}" if is_cut else entry


def parse(text: str) -> tuple[str, ...]:
    """The entries of a list like ``5xx, 408``. Raises ValueError with a sentence that says what is wrong."""
    entries = [each.strip().lower() for each in text.split(",") if each.strip()]
    if not entries:
        raise ValueError("the list is empty; write statuses like 5xx,408,424")
    for each in entries:
        if not _ENTRY.fullmatch(each):
            raise ValueError(f"“{each[:20]}” is no error status; write 4xx, 5xx or a number from 400 to 599")
    return tuple(dict.fromkeys(entries))


def _holds(entries: tuple[str, ...], status: str) -> bool:
    return status in entries or (len(status) == 3 and f"{status[0]}xx" in entries)


def _kql(entries: tuple[str, ...], column: str) -> str:
    classes = [f"{column} between ({each[0]}00 .. {each[0]}99)" for each in entries if each.endswith("xx")]
    single = [each for each in entries if not each.endswith("xx")]
    return " or ".join([*classes, *([f"{column} in ({', '.join(single)})"] if single else [])])


def _listed(words: Iterable[str]) -> str:
    *first, last = [*words] or [""]
    return f"{', '.join(first)} and {last}" if first else last


DEFAULT_SETS = StatusSets.of()
"""The sets of the settings' defaults."""
