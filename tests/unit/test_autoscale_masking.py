"""What of an autoscale setting is never shown unasked."""

from __future__ import annotations

import copy
import json
from typing import Any

from services.autoscale import commands, editing
from services.autoscale.masking import masked
from tests.autoscale_corpus import FIRST, IN, OUT, profile, setting

SECRETS = ("T0/B0/abcSecret", "sig=xyz", "user:word", "ann@example.com", "p4ss", "k3y", "hunter2")
NOTIFICATIONS: list[dict[str, Any]] = [
    {
        "operation": "Scale",
        "email": {"sendToSubscriptionAdministrator": True, "customEmails": ["ann@example.com", "bo@example.com"]},
        "webhooks": [
            {"serviceUri": "https://hooks.example.com/services/T0/B0/abcSecret", "properties": {"id": "p4ss"}},
            {"serviceUri": "https://user:word@b.example.com/x?sig=xyz", "properties": {}},
        ],
    },
    {"operation": "Scale", "Webhooks": [{"ServiceUri": "http://[broken/k3y"}]},
]


def telling() -> dict[str, Any]:
    return setting(profile(OUT, IN), notifications=NOTIFICATIONS) | {"tags": {"team": "a", "password": "hunter2"}}


def test_no_address_and_nothing_that_is_sent_is_shown() -> None:
    document = telling()
    before = copy.deepcopy(document)
    found = masked(document)
    text = commands.json_text(found.document)
    assert [each for each in SECRETS if each in text] == []
    assert "hooks.example.com" in text
    assert '"team": "a"' in text
    assert "customEmails" in text
    assert found.document["properties"]["profiles"] == document["properties"]["profiles"]
    assert found.hidden == (
        "tags.password",
        "notifications[1].email.customEmails",
        "notifications[1].webhooks[1].serviceUri",
        "notifications[1].webhooks[1].properties.id",
        "notifications[1].webhooks[2].serviceUri",
        "notifications[2].Webhooks[1].ServiceUri",
    )
    assert document == before


def test_a_setting_without_secrets_is_shown_as_it_is() -> None:
    assert masked(FIRST).document == FIRST
    assert masked(FIRST).hidden == ()


def test_a_file_with_hidden_values_cannot_be_taken_for_a_whole_one() -> None:
    told = masked(telling()).document["properties"]["notifications"][0]
    assert not isinstance(told["email"]["customEmails"], list)
    assert not any(isinstance(each["serviceUri"], str) for each in told["webhooks"])


def test_a_change_of_a_notification_is_told_without_its_address() -> None:
    one, other = telling(), telling()
    other["properties"]["notifications"] = copy.deepcopy(NOTIFICATIONS)
    other["properties"]["notifications"][0]["webhooks"][0]["serviceUri"] += "/k3y"
    other["tags"]["password"] = "hunter2b"
    told = editing.changes(one, other)
    assert [each.where for each in told] == ["tags", "notifications"]
    assert all(each.after.endswith("with other hidden values") for each in told)
    assert [each for each in SECRETS if each in json.dumps([[each.before, each.after] for each in told])] == []


def test_an_edit_keeps_the_true_values() -> None:
    wider = editing.with_limits(telling(), 0, 3, 9, 3)
    assert wider["properties"]["notifications"] == NOTIFICATIONS
    assert "notifications" in "".join(commands.step_by_step(telling(), "/subscriptions/s/resourceGroups/g/p/x").missing)
