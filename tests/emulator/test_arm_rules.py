"""Azure's own rules, as values in and broken rules out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.arm import rules
from emulator.arm.rules import RuleBroken

PROVISIONED = {"blue": True, "green": True, "red": False}


@pytest.mark.parametrize("name", ["abc", "Blue", "whats-in-a-name", "a1-b2", "a" * 32])
def test_good_names_pass(name: str) -> None:
    rules.check_name("endpoint", name)


@pytest.mark.parametrize("name", ["ab", "a" * 33, "1ab", "-ab", "abc-", "a--b", "a_b", "a b", "", "blüe", "abc\n"])
def test_bad_names_are_refused_with_the_name_in_the_sentence(name: str) -> None:
    with pytest.raises(RuleBroken) as caught:
        rules.check_name("endpoint", name)
    assert name in caught.value.message


@pytest.mark.parametrize(
    ("live", "mirror"),
    [({}, {}), ({"blue": 100}, {}), ({"blue": 70, "green": 30}, {}), ({"blue": 100, "green": 0}, {"green": 50})],
)
def test_splits_that_azure_takes(live: dict[str, int], mirror: dict[str, int]) -> None:
    rules.check_split(live, mirror, PROVISIONED)


@pytest.mark.parametrize(
    ("live", "mirror", "words"),
    [
        ({"blue": 99}, {}, "add up to 99"),
        ({"blue": 60, "green": 60}, {}, "add up to 120"),
        ({"pink": 100}, {}, "'pink'"),
        ({}, {"pink": 10}, "'pink'"),
        ({"red": 100}, {}, "not been provisioned"),
        ({"blue": 100}, {"green": 51}, "limit of 50"),
        ({"blue": 100}, {"blue": 10}, "live traffic"),
        ({}, {"blue": 10, "green": 10}, "one deployment only"),
    ],
)
def test_splits_that_azure_refuses(live: dict[str, int], mirror: dict[str, int], words: str) -> None:
    with pytest.raises(RuleBroken, match=words):
        rules.check_split(live, mirror, PROVISIONED)


@given(st.dictionaries(st.sampled_from(["blue", "green"]), st.integers(0, 100)))
def test_live_traffic_passes_exactly_when_it_adds_up_to_0_or_100(live: dict[str, int]) -> None:
    if sum(live.values()) in (0, 100):
        rules.check_split(live, {}, PROVISIONED)
    else:
        with pytest.raises(RuleBroken):
            rules.check_split(live, {}, PROVISIONED)


@pytest.mark.parametrize("value", [33.9, "70", True, None, -1, 101])
def test_a_share_is_a_whole_percentage(value: Any) -> None:
    with pytest.raises(RuleBroken):
        rules.shares({"blue": value}, "traffic")


def test_shares_are_named_in_lower_case_and_once() -> None:
    assert rules.shares({"Blue": 70, "green": 30}, "traffic") == {"blue": 70, "green": 30}
    assert rules.shares(None, "traffic") == {}
    with pytest.raises(RuleBroken, match="twice"):
        rules.shares({"Blue": 50, "blue": 50}, "traffic")


def test_a_deployment_with_live_traffic_stays() -> None:
    rules.check_delete("blue", {"blue": 0, "green": 100})
    with pytest.raises(RuleBroken, match="100 percent"):
        rules.check_delete("green", {"green": 100})


@pytest.mark.parametrize("count", [0, 51, -1, 1.5, True, "2", None])
def test_instances_are_1_to_50(count: Any) -> None:
    rules.check_instances(1)
    rules.check_instances(50)
    with pytest.raises(RuleBroken):
        rules.check_instances(count)


def test_a_twenty_first_deployment_does_not_fit() -> None:
    rules.check_room("deployment", range(19), rules.MAX_DEPLOYMENTS)
    with pytest.raises(RuleBroken, match="limit is 20"):
        rules.check_room("deployment", range(20), rules.MAX_DEPLOYMENTS)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("PT5S", 5000), ("PT0.5S", 500), ("PT3M", 180_000), ("PT1M30S", 90_000), ("P1D", 86_400_000), ("PT1H", 3_600_000)],
)
def test_durations_are_read(text: str, milliseconds: int) -> None:
    assert rules.duration_ms(text, "timeout") == milliseconds


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "5", "PT5", "5000", None, 5, "PT-5S", "PT5S ", f"PT{'9' * 400}S", "PT\u0665S"]
)
def test_what_is_no_duration_is_refused(text: Any) -> None:
    with pytest.raises(RuleBroken):
        rules.duration_ms(text, "timeout")


def test_a_request_may_take_three_minutes() -> None:
    rules.check_request_timeout(180_000)
    for wrong in (0, 180_001):
        with pytest.raises(RuleBroken, match="180000"):
            rules.check_request_timeout(wrong)


@pytest.mark.parametrize(
    ("sent", "mode"),
    [("key", "Key"), ("Key", "Key"), ("AMLToken", "AMLToken"), ("aml_token", "AMLToken"), ("aad_token", "AADToken")],
)
def test_auth_modes_are_read_in_every_spelling_of_the_clients(sent: str, mode: str) -> None:
    assert rules.auth_mode(sent) == mode


@pytest.mark.parametrize("mode", ["", "None", "password", None, 1])
def test_other_auth_modes_are_refused_by_name(mode: Any) -> None:
    with pytest.raises(RuleBroken, match="Key, AMLToken or AADToken"):
        rules.auth_mode(mode)


USER: dict[str, Any] = {
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/me": {}
}


@pytest.mark.parametrize(
    "identity",
    [
        {"type": "None"},
        {"type": "SystemAssigned", "userAssignedIdentities": None},
        {"type": "systemassigned"},
        {"type": "UserAssigned", "userAssignedIdentities": USER},
        {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": USER},
    ],
)
def test_identities_that_arm_knows_pass(identity: dict[str, Any]) -> None:
    rules.check_identity(identity)


@pytest.mark.parametrize(
    "identity",
    [
        {},
        {"type": 1},
        {"type": "Managed"},
        {"type": "UserAssigned"},
        {"type": "SystemAssigned", "userAssignedIdentities": USER},
        {"type": "UserAssigned", "userAssignedIdentities": ["me"]},
    ],
)
def test_other_identities_are_refused(identity: dict[str, Any]) -> None:
    with pytest.raises(RuleBroken, match="identity"):
        rules.check_identity(identity)


def test_tags_are_texts() -> None:
    rules.check_texts({"team": "green", "empty": None}, "The tag")
    with pytest.raises(RuleBroken, match="'size'"):
        rules.check_texts({"size": 3}, "The tag")


@pytest.mark.parametrize(
    "tags",
    [{f"t{each}": "" for each in range(51)}, {"": "x"}, {"a/b": "x"}, {"t" * 513: "x"}, {"t": "x" * 257}, {"t": 1}],
    ids=["51", "no name", "slash", "long name", "long value", "number"],
)
def test_tags_keep_within_azures_limits(tags: dict[str, Any]) -> None:
    rules.check_tags({f"t{each}": "x" * 256 for each in range(50)})
    rules.check_tags({"t" * 512: None})
    with pytest.raises(RuleBroken, match="tag"):
        rules.check_tags(tags)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3", None])
def test_a_probe_counts_in_whole_numbers_from_one(value: Any) -> None:
    rules.check_threshold(1, "threshold")
    with pytest.raises(RuleBroken, match="threshold"):
        rules.check_threshold(value, "threshold")
