"""Where the autoscale setting of a deployment is kept."""

from __future__ import annotations

import re

from services.azure.autoscale import path_of

GROUP = "/subscriptions/s/resourceGroups/g"


def deployment(workspace: str, endpoint: str, name: str) -> str:
    below = f"workspaces/{workspace}/onlineEndpoints/{endpoint}/deployments/{name}"
    return f"{GROUP}/providers/Microsoft.MachineLearningServices/{below}"


def test_no_other_deployment_of_the_resource_group_has_the_same_place() -> None:
    ids = (
        deployment("dev", "shop", "blue"),
        deployment("prod", "shop", "blue"),
        deployment("dev", "shop-a", "blue"),
        deployment("dev", "shop", "a-blue"),
    )
    paths = [path_of(each, None) for each in ids]
    assert len(set(paths)) == len(ids)
    assert path_of(ids[0].upper().replace("/SUBSCRIPTIONS", "/subscriptions"), None).lower() == paths[0].lower()
    name = r"/providers/Microsoft\.Insights/autoscaleSettings/autoscale-shop-blue-[0-9a-f]{8}"
    assert re.fullmatch(re.escape(GROUP) + name, paths[0])
