"""Which values are taken for secrets, and documents without them."""

from __future__ import annotations

import json

import pytest

from services.resources.masking import Hidden, hidden_names, looks_secret, without_secrets


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_KEY", "x"),
        ("apikey", "x"),
        ("DB_PASSWORD", "hunter2"),
        ("MY_PASS", "hunter2"),
        ("client_secret", "x"),
        ("AccountKey", "x"),
        ("ConnectionString", "x"),
        ("STORE", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=abc=="),
        ("URL", "postgres://me:word@db/x"),
        ("URL", "https://a.blob.core.windows.net/c?sv=2020&sig=abc%3D"),
        ("CALLER", "eyJhbGciOi.eyJzdWIiOi.abc"),
        ("PEM", "-----BEGIN RSA PRIVATE KEY-----"),
        ("X", "Zk9y3Qd8Lm2Pw7Rt5Vb1Nc4X"),
    ],
)
def test_what_looks_like_a_secret_is_one(name: str, value: str) -> None:
    assert looks_secret(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKER_COUNT", "4"),
        ("MAX_TOKENS", "512"),
        ("USE_TOKEN_CACHE", "true"),
        ("API_KEY", ""),
        ("MODE", "fast"),
        ("MONKEY", "banana"),
        ("AUTHOR", "somebody"),
        ("AZUREML_MODEL_DIR", "/var/azureml-app/azureml-models/digits/1"),
        ("HOST", "https://example.com/path"),
        ("IMAGE", "mcr.microsoft.com/azureml/minimal:latest"),
        ("NOTE", "a long sentence with 24 letters and more, and spaces"),
    ],
)
def test_what_everybody_may_see_is_none(name: str, value: str) -> None:
    assert not looks_secret(name, value)


def test_a_document_loses_its_secrets_and_nothing_else() -> None:
    document = {
        "tags": {"team": "x", "token": "abc"},
        "properties": {
            "authMode": "Key",
            "keys": {"primaryKey": "one", "secondaryKey": "two"},
            "environmentVariables": {"MODE": "fast", "PASSWORD": "hunter2"},
            "list": [{"accessToken": "three"}, 1, None],
        },
    }
    before = json.dumps(document)
    masked = without_secrets(document)
    assert hidden_names(masked) == ("token", "primaryKey", "secondaryKey", "PASSWORD", "accessToken")
    assert masked["properties"]["authMode"] == "Key"
    assert masked["properties"]["environmentVariables"] == {"MODE": "fast", "PASSWORD": Hidden("PASSWORD")}
    assert json.dumps(document) == before
