"""A deployment's document that can be put back: nothing in it that only Azure can set."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from services.azure.deployments import writable_deployment
from services.operating.bodies import cloned
from services.operating.change import Clone

MINE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/mine"
YOURS = MINE.replace("mine", "yours")
SYSTEM = {"principalId": "p", "tenantId": "t"}
ASSIGNED = {MINE: {"principalId": "p1", "clientId": "c1"}, YOURS: {"principalId": "p2", "clientId": "c2"}}


@pytest.mark.parametrize(
    ("identity", "kept"),
    [
        ({"type": "SystemAssigned", **SYSTEM}, {"type": "SystemAssigned"}),
        (
            {"type": "UserAssigned", "userAssignedIdentities": ASSIGNED},
            {"type": "UserAssigned", "userAssignedIdentities": {MINE: {}, YOURS: {}}},
        ),
        (
            {"type": "SystemAssigned,UserAssigned", **SYSTEM, "userAssignedIdentities": ASSIGNED},
            {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {MINE: {}, YOURS: {}}},
        ),
        (None, None),
    ],
)
def test_an_identity_keeps_its_type_and_ids_and_loses_what_azure_sets(identity: Any, kept: Any) -> None:
    document = {"id": "i", "identity": identity, "sku": {"capacity": 1}, "properties": {"provisioningState": "x"}}
    before = copy.deepcopy(document)
    assert writable_deployment(document) == {"identity": kept, "sku": {"capacity": 1}, "properties": {}}
    assert cloned(document, Clone("blue", "green"))["identity"] == kept
    assert document == before
