"""Who gets in: keys, tokens of the endpoint, tokens of the local identity."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import jwt
import pytest

from emulator.identity.scoring_tokens import issue
from emulator.scoring.gateway.callers import Access, Caller, Denied, admit
from emulator.scoring.model import EndpointRoute
from tests.emulator.gateway_rig import (
    KEY,
    OWNER,
    READER,
    SIGNING_KEY,
    UNLIMITED,
    GatewayRig,
    Model,
    gateway_rig,
    head,
    model,
    read_answer,
)

pytestmark = [pytest.mark.anyio, pytest.mark.emulator]

NOW = 1_800_000_000.0
ACCESS = Access(SIGNING_KEY, {OWNER: True, READER: False})


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayRig]:
    async with gateway_rig(tmp_path_factory.mktemp("gateway")) as started:
        yield started


@pytest.fixture(scope="module")
async def blue() -> AsyncIterator[Model]:
    async with model("blue") as served:
        yield served


def access_token(object_id: str = OWNER, now: float = NOW, key: str = SIGNING_KEY, **changes: Any) -> str:
    """A token as the local identity issues it."""
    claims = {"oid": object_id, "aud": "https://ml.azure.com", "nbf": now, "exp": now + 3600}
    return jwt.encode({**claims, **changes}, key, "HS256")


def judged(mode: str, *values: str, now: float = NOW) -> Caller | Denied:
    route = EndpointRoute((KEY, "secondary"), {}, {}, mode)
    return admit(route, "shop", [value.encode("latin-1") for value in values], ACCESS, now)


@pytest.mark.parametrize(
    ("mode", "credential", "expected"),
    [
        ("Key", KEY, Caller("key", "")),
        ("Key", "secondary", Caller("key", "")),
        ("key", KEY, Caller("key", "")),
        ("Key", "wrong", Denied(401, "key_auth_access_denied")),
        ("Key", KEY + "x", Denied(401, "key_auth_access_denied")),
        ("Key", "naïve", Denied(401, "key_auth_access_denied")),
        ("Key", access_token(), Denied(401, "key_auth_access_denied")),
        ("Key", issue(SIGNING_KEY, "shop", OWNER, NOW).token, Denied(401, "key_auth_access_denied")),
        ("AMLToken", issue(SIGNING_KEY, "shop", OWNER, NOW).token, Caller("aml_token", OWNER)),
        ("AMLToken", issue(SIGNING_KEY, "bank", OWNER, NOW).token, Denied(401, "aml_token_auth_access_denied")),
        ("AMLToken", issue(SIGNING_KEY, "shop", OWNER, NOW - 7200).token, Denied(401, "aml_token_auth_access_denied")),
        ("AMLToken", KEY, Denied(401, "aml_token_auth_access_denied")),
        ("AMLToken", access_token(), Denied(401, "aml_token_auth_access_denied")),
        ("AADToken", access_token(), Caller("aad_token", OWNER)),
        ("AADToken", access_token(aud="https://ml.azure.com/"), Caller("aad_token", OWNER)),
        ("AADToken", access_token(READER), Denied(403, "aad_token_auth_forbidden", Caller("aad_token", READER))),
        ("AADToken", access_token("stranger"), Denied(401, "aad_token_auth_access_denied")),
        ("AADToken", access_token(now=NOW - 3601), Denied(401, "aad_token_auth_access_denied")),
        ("AADToken", access_token(now=NOW + 120), Denied(401, "aad_token_auth_access_denied")),
        ("AADToken", access_token(aud="https://management.azure.com"), Denied(401, "aad_token_auth_access_denied")),
        (
            "AADToken",
            access_token(key="another-key-that-is-long-enough-too"),
            Denied(401, "aad_token_auth_access_denied"),
        ),
        ("AADToken", access_token(exp=None), Denied(401, "aad_token_auth_access_denied")),
        ("AADToken", KEY, Denied(401, "aad_token_auth_access_denied")),
        ("AADToken", issue(SIGNING_KEY, "shop", OWNER, NOW).token, Denied(401, "aad_token_auth_access_denied")),
    ],
)
def test_each_mode_takes_its_own_kind_of_credential(mode: str, credential: str, expected: Caller | Denied) -> None:
    assert judged(mode, f"Bearer {credential}") == expected
    assert judged(mode, f"bearer   {credential} ") == expected


@pytest.mark.parametrize("mode", ["Key", "AMLToken", "AADToken"])
@pytest.mark.parametrize(
    "values", [(), ("",), (KEY,), ("Bearer",), ("Bearer ",), (f"Basic {KEY}",), (f"Bearer {KEY}", f"Bearer {KEY}")]
)
def test_a_header_that_is_none_is_said_to_be_bad(mode: str, values: tuple[str, ...]) -> None:
    denied = judged(mode, *values)
    assert isinstance(denied, Denied)
    assert (denied.status, denied.text) == (
        401,
        {"Key": "key", "AMLToken": "aml_token", "AADToken": "aad_token"}[mode] + "_auth_bad_header_forbidden",
    )


def test_an_unknown_mode_takes_keys_only() -> None:
    assert judged("Something", f"Bearer {KEY}") == Caller("key", "")


def test_without_a_signing_key_no_token_opens_anything() -> None:
    for mode in ("AMLToken", "AADToken"):
        forged = jwt.encode({"oid": OWNER, "aud": "https://ml.azure.com", "nbf": 0, "exp": 2e9}, "", "none")
        route = EndpointRoute((), {}, {}, mode)
        assert isinstance(admit(route, "shop", [f"Bearer {forged}".encode()], Access(), NOW), Denied)


async def test_rows_tell_how_and_who(rig: GatewayRig, blue: Model) -> None:
    now = time.time()
    name = await rig.endpoint(blue)
    assert (await rig.send(name)).status == 200
    await rig.route(name, {"blue": 100}, auth_mode="AMLToken")
    assert (await rig.send(name)).body == b"aml_token_auth_access_denied"
    assert (await rig.send(name, key=issue(SIGNING_KEY, name, OWNER, now).token)).status == 200
    assert (await rig.send(name, key=issue(SIGNING_KEY, "elsewhere", OWNER, now).token)).status == 401
    await rig.route(name, {"blue": 100}, auth_mode="AADToken")
    assert (await rig.send(name, key=access_token(now=now))).status == 200
    refused = await rig.send(name, key=access_token(READER, now=now))
    assert (refused.status, refused.body) == (403, b"aad_token_auth_forbidden")
    rows = await rig.rows(name, 6)
    assert [(row["status"], row["auth"], row["identity"]) for row in rows] == [
        (200, "key", ""),
        (401, "", ""),
        (200, "aml_token", OWNER),
        (401, "", ""),
        (200, "aad_token", OWNER),
        (403, "aad_token", READER),
    ]
    assert {row["deployment"] for row in rows if row["status"] != 200} == {""}


async def test_tokens_expire_by_the_local_azures_clock(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue, auth_mode="AMLToken")
    issued = issue(SIGNING_KEY, name, OWNER, time.time(), 3600)
    assert (await rig.send(name, key=issued.token)).status == 200
    try:
        await rig.gateway.set_conditions(replace(UNLIMITED, clock_shift_seconds=3700))
        assert (await rig.send(name, key=issued.token)).status == 401
        later = issue(SIGNING_KEY, name, OWNER, time.time() + 3700)
        assert (await rig.send(name, key=later.token)).status == 200
    finally:
        await rig.gateway.set_conditions(UNLIMITED)
    rows = await rig.rows(name, 3)
    assert 3690 < rows[-1]["started_at"] - rows[0]["started_at"] < 3800


async def test_two_credentials_at_once_are_refused(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    async with rig.connection() as (reader, writer):
        writer.write(head(name, "authorization: Bearer another", "content-length: 2") + b"{}")
        assert (await read_answer(reader))[0] == 401


async def test_a_caller_without_a_right_key_learns_nothing_of_the_deployments(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    for deployment in ("blue", "none"):
        reply = await rig.send(name, key="wrong", headers={"azureml-model-deployment": deployment})
        assert (reply.status, reply.body) == (401, b"key_auth_access_denied")
        assert "azureml-model-deployment" not in reply.headers
