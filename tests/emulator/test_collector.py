"""The data collector: what a gateway was asked and answered becomes lines in blobs, and nothing is lost on the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from emulator.arm.collecting import collecting
from emulator.arm.context import Context
from emulator.arm.rules import RuleBroken
from emulator.documents import Documents
from emulator.resources import Addresses, Place
from emulator.scoring.gateway.collector import FOLDER, LARGEST_INLINE, folder_of
from emulator.scoring.model import Collecting, Conditions
from emulator.storage.blobs import BlobStore
from emulator.storage.collected import Collected
from tests.emulator.gateway_rig import UNLIMITED, GatewayRig, gateway_rig, model
from tests.emulator.scoring_rig import eventually

TO = Collecting("/subscriptions/s/x", "shelf", "https://here/shelf", {"request": 1.0, "response": 1.0})
BOTH = {name: {"dataCollectionMode": "enabled"} for name in ("request", "response")}


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[BlobStore]:
    with closing(Documents(tmp_path / "control.db")) as documents:
        store = BlobStore(tmp_path / "blobs", documents)
        yield store
        store.close()


def lines(blobs: BlobStore, prefix: str) -> list[dict[str, Any]]:
    names = [name for name, _ in blobs.listing("shelf", prefix, "", 100) if name.endswith(".jsonl")]
    texts = (blobs.locate("shelf", name).read_text() for name in names)
    return [json.loads(line) for text in texts for line in text.splitlines()]


async def taken(blobs: BlobStore, state: Path, prefix: str, wanted: int) -> list[dict[str, Any]]:
    shelf = Collected(state / FOLDER, blobs, lambda: 0.0)

    async def enough() -> list[dict[str, Any]] | None:
        await asyncio.to_thread(shelf.take)
        found = lines(blobs, prefix)
        return found if len(found) >= wanted else None

    return await eventually(enough)


async def mirrored(rig: GatewayRig, bodies: list[Any]) -> str:
    async with model("blue") as blue, model("green") as green:
        name = await rig.endpoint(blue, green, mirror={"green": 100})
        for each in ("blue", "green"):
            await rig.gateway.set_collector(name, each, TO)
        for body in bodies:
            assert (await rig.send(name, body)).status == 200
        await rig.rows(name, len(bodies), "mirror")
    return name


@pytest.mark.parametrize("keeps", [True, False])
def test_request_and_response_of_both_arms_are_kept_under_their_ids(
    tmp_path: Path, blobs: BlobStore, keeps: bool
) -> None:
    async def scene() -> None:
        async with gateway_rig(tmp_path / "state") as rig:
            conditions = Conditions(**{**vars(UNLIMITED), "mirror_keeps_request_id": keeps})
            await rig.gateway.set_conditions(conditions)
            name = await mirrored(rig, [{"data": number} for number in range(3)])
            prefix = f"modelDataCollector/{name}"
            found = {
                (arm, kind): await taken(blobs, tmp_path / "state", f"{prefix}/{arm}/{kind}/", 3)
                for arm in ("blue", "green")
                for kind in ("request", "response")
            }
        ids = {place: [line["correlationid"] for line in each] for place, each in found.items()}
        assert sorted(ids["blue", "request"]) == sorted(ids["blue", "response"])
        assert sorted(ids["green", "request"]) == sorted(ids["green", "response"])
        assert (set(ids["blue", "request"]) == set(ids["green", "request"])) is keeps
        one = found["blue", "request"][0]
        assert (one["type"], one["path"], one["method"]) == ("azureml.inference.request", "/score", "POST")
        assert sorted(line["data"]["data"] for line in found["green", "request"]) == [0, 1, 2]
        assert {line["data"]["model"] for line in found["green", "response"]} == {"green"}

    asyncio.run(scene())


def test_a_large_body_lies_in_a_blob_of_its_own(tmp_path: Path, blobs: BlobStore) -> None:
    async def scene() -> None:
        async with gateway_rig(tmp_path / "state") as rig, model("blue") as blue:
            name = await rig.endpoint(blue)
            await rig.gateway.set_collector(name, "blue", TO)
            await rig.send(name, {"size": LARGEST_INLINE + 1})
            (line,) = await taken(blobs, tmp_path / "state", f"modelDataCollector/{name}/blue/response/", 1)
        assert line["datainblob"] == "true"
        own = line["data"].removeprefix("https://here/shelf/")
        row = blobs.find("shelf", own)
        assert row is not None
        assert row.length == LARGEST_INLINE + 1

    asyncio.run(scene())


def test_what_came_before_a_stop_of_the_gateway_is_kept_and_nothing_after_the_collector_is_off(
    tmp_path: Path, blobs: BlobStore
) -> None:
    async def scene() -> str:
        async with gateway_rig(tmp_path / "state") as rig, model("blue") as blue:
            name = await rig.endpoint(blue)
            await rig.gateway.set_collector(name, "blue", TO)
            await rig.send(name, {"data": 1})
            await rig.gateway.set_collector(name, "blue", None)
            await rig.send(name, {"data": 2})
        return name

    name = asyncio.run(scene())
    Collected(tmp_path / "state" / FOLDER, blobs, lambda: 0.0).take()
    assert [line["data"] for line in lines(blobs, f"modelDataCollector/{name}/blue/request/")] == [{"data": 1}]
    assert not list((tmp_path / "state" / FOLDER).iterdir())


def test_the_folder_follows_the_rolling_rate() -> None:
    names = [folder_of(("shop", "blue"), "request", 0.0, rate) for rate in ("year", "day", "minute")]
    before = "modelDataCollector/shop/blue/request"
    assert names == [f"{before}/1970", f"{before}/1970/01/01", f"{before}/1970/01/01/00/00"]


def settings(**values: Any) -> Collecting | None:
    home = Place("sub", "group", "space", "westeurope")
    context = SimpleNamespace(home=home, addresses=Addresses(1, 2, 3), place_of=lambda _: home)
    document = {"properties": {"dataCollector": values or None}}
    return collecting(cast(Context, context), "shop", "blue", document)


def test_only_payload_collections_that_are_on_are_collected() -> None:
    assert settings() is None
    assert settings(collections={"model_inputs": {"dataCollectionMode": "Enabled"}}) is None
    assert settings(collections={"request": {"dataCollectionMode": "Disabled"}}) is None
    found = settings(collections={**BOTH, "response": {"dataCollectionMode": "Enabled", "samplingRate": 0.5}})
    assert found is not None
    assert (found.rates, found.rolling) == ({"request": 1.0, "response": 0.5}, "hour")


@pytest.mark.parametrize(
    "values",
    [
        {"collections": BOTH, "rollingRate": "Decade"},
        {"collections": {"request": {"dataCollectionMode": "Perhaps"}}},
        {"collections": {"request": {"dataCollectionMode": "Enabled", "samplingRate": 2}}},
        {"collections": {"request": "on"}},
        {"collections": ["request"]},
    ],
)
def test_settings_that_make_no_sense_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(RuleBroken):
        settings(**values)
