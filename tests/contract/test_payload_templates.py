"""Templates out of a real endpoint's swagger.json."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint
from services.errors import NotFound, RuleBroken
from services.payloads.swagger import forget, swagger_of
from services.payloads.templates import MLFLOW, SAMPLE, SWAGGER, templates

pytestmark = pytest.mark.emulator


def test_an_endpoint_without_a_schema_says_so_and_offers_the_rest(
    conn: Connection, served: str, split: Callable[..., None], tmp_path: Path
) -> None:
    (tmp_path / "endpoint.yml").write_text(f"name: {served}\n")
    (tmp_path / "sample-request.json").write_text('{"data": [1]}')

    found = {each.name: each for each in templates(conn, get_endpoint(conn, served), [], tmp_path)}

    assert list(found) == [SAMPLE, MLFLOW, SWAGGER]
    assert found[SAMPLE].body == '{"data": [1]}'
    assert '"input_data"' in found[MLFLOW].body
    assert found[SWAGGER].body == ""
    assert "declares no schema" in found[SWAGGER].note


def test_swagger_is_asked_once_and_again_when_forgotten(
    conn: Connection, served: str, split: Callable[..., None]
) -> None:
    endpoint = get_endpoint(conn, served)
    assert swagger_of(conn, endpoint)["swagger"] == "2.0"
    split({})

    assert swagger_of(conn, endpoint)["swagger"] == "2.0"
    forget(conn, endpoint)
    with pytest.raises(NotFound, match="no deployment with live traffic"):
        swagger_of(conn, endpoint)


def test_the_key_is_shown_to_the_scoring_host_alone(conn: Connection, served: str, tmp_path: Path) -> None:
    endpoint = get_endpoint(conn, served)
    elsewhere = replace(endpoint, swagger_uri=endpoint.swagger_uri.replace("localhost", "127.0.0.1"))

    with pytest.raises(RuleBroken, match="the key is sent nowhere else"):
        swagger_of(conn, elsewhere)
    with pytest.raises(NotFound, match="names no address"):
        swagger_of(conn, replace(endpoint, swagger_uri=""))
    notes = [each.note for each in templates(conn, elsewhere, [], tmp_path) if each.name == SWAGGER]
    assert "the key is sent nowhere else" in notes[0]
