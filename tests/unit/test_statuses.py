"""What counts as whose error, and how the settings change it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import NotConfigured
from services.settings import Settings
from services.statuses import DEFAULT_SETS, StatusSets

STATUSES = st.integers(100, 599).map(str)
ENTRIES = st.lists(st.sampled_from(["4xx", "5xx", *map(str, range(400, 600))]), min_size=1, max_size=4).map(",".join)


@pytest.mark.parametrize(
    ("status", "server", "client"),
    [
        ("200", False, False),
        ("401", False, True),
        ("404", False, True),
        ("408", True, False),
        ("424", True, False),
        ("429", True, False),
        ("500", True, False),
        ("503", True, False),
        ("", False, False),
        ("5", False, False),
    ],
)
def test_model_failures_are_the_services_fault(status: str, server: bool, client: bool) -> None:
    assert (DEFAULT_SETS.is_server_error(status), DEFAULT_SETS.is_client_error(status)) == (server, client)


@given(ENTRIES, ENTRIES, STATUSES)
def test_an_error_is_either_the_servers_or_the_callers(server: str, client: str, status: str) -> None:
    sets = StatusSets.of(server, client)

    assert not (sets.is_server_error(status) and sets.is_client_error(status))
    assert sets.is_error(status) == (sets.is_server_error(status) or sets.is_client_error(status))
    assert sets.is_server_error(status) == (status in server or f"{status[0]}xx" in server)


def test_the_settings_change_both_sets(tmp_path: Path) -> None:
    values = {"SLUICE_SERVER_ERRORS": " 5XX, 424,424 ", "SLUICE_CLIENT_ERRORS": "401,424,429"}

    sets = Settings.read(values, tmp_path).statuses

    assert sets == StatusSets(("5xx", "424"), ("401", "424", "429"))
    assert sets.is_server_error("424")
    assert not sets.is_client_error("424"), "the server wins"
    assert sets.is_client_error("429")
    assert not sets.is_error("404")
    assert Settings.read({}, tmp_path).statuses == DEFAULT_SETS


@pytest.mark.parametrize("name", ["SLUICE_SERVER_ERRORS", "SLUICE_CLIENT_ERRORS"])
@pytest.mark.parametrize("value", ["3xx", "600", "5x", "424 429", "errors", ",", "٤٢٤", "<b>"])
def test_what_is_no_error_status_is_refused_with_words(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(NotConfigured) as caught:
        Settings.read({name: value}, tmp_path)

    assert caught.value.why.startswith(f"{name} in the environment is not valid: ")
    assert "write " in caught.value.why
    assert "Value error" not in caught.value.why


@pytest.mark.parametrize(
    ("sets", "server", "client"),
    [
        (DEFAULT_SETS, "5xx, 408 (timeout), 424 (model) and 429 (overload)", "all other 4xx"),
        (StatusSets.of("5xx"), "5xx", "4xx"),
        (StatusSets.of("500", "5xx,401,500"), "500", "all other 5xx and 401"),
        (StatusSets.of("4xx,5xx", "404"), "4xx and 5xx", "none"),
    ],
)
def test_the_words_follow_the_sets(sets: StatusSets, server: str, client: str) -> None:
    assert (sets.server_words, sets.client_words) == (server, client)


def test_kql_tells_the_same_errors() -> None:
    assert DEFAULT_SETS.kql("Code") == {
        "server": "Code between (500 .. 599) or Code in (408, 424, 429)",
        "client": "(Code between (400 .. 499)) and not(Code between (500 .. 599) or Code in (408, 424, 429))",
    }
