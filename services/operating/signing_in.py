"""Another way for callers to sign in: what it breaks, said before it is done. Pure.

Sources: how-to-authenticate-online-endpoint (what each mode asks of callers; Entra tokens for managed endpoints alone),
and the API 2025-12-01, whose ``authMode`` can be written when an endpoint is made and when it is updated.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.azure.cloud import Json
from services.azure.deployments import writable_endpoint
from services.errors import RuleBroken
from services.model import Endpoint

MODES: Mapping[str, str] = {"key": "Key", "aml_token": "AMLToken", "aad_token": "AADToken"}
"""Auth modes as YAML writes them, and as Azure Resource Manager does."""
LABELS: Mapping[str, str] = {
    "key": "a key",
    "aml_token": "a token of the workspace",
    "aad_token": "a Microsoft Entra token",
}
_NEEDS = {
    "key": "They need the primary or secondary key. It does not expire, and whoever has it may call.",
    "aml_token": "They need a token of the workspace, and another one before it runs out. The action "
    "onlineEndpoints/token/action allows reading one.",
    "aad_token": "They need an Entra token of their own and the action onlineEndpoints/score/action, which the role "
    "AzureML Data Scientist has. Grant it first.",
}
_ENDS = {
    "key": "Both keys stop working.",
    "aml_token": "Tokens that callers hold stop working.",
    "aad_token": "Entra tokens stop working here, whatever role their owner has.",
}


def others(endpoint: Endpoint) -> list[str]:
    """The modes that the endpoint could change to."""
    possible = [each for each in MODES if each != endpoint.auth_mode]
    return [each for each in possible if not (each == "aad_token" and endpoint.is_kubernetes)]


def what_breaks(before: str, after: str) -> tuple[str, ...]:
    """What callers meet once the mode has changed."""
    first = f"Every caller of now is refused (401) until it sends {LABELS[after]}."
    return tuple(each for each in (first, _ENDS.get(before, ""), _NEEDS[after]) if each)


def check(endpoint: Endpoint, mode: str) -> None:
    """Raise RuleBroken for a mode that the endpoint has already or cannot have."""
    what = f"How callers of {endpoint.name} sign in was not changed."
    if mode == endpoint.auth_mode:
        raise RuleBroken(what, "It is so already.", "Choose another way.")
    if mode not in others(endpoint):
        raise RuleBroken(
            what, f"This endpoint cannot have the mode {mode!r}.", f"Choose {' or '.join(others(endpoint))}."
        )


def changed(endpoint: Endpoint, mode: str) -> Json:
    """The endpoint's document with another mode. Its split is the document's own."""
    body = writable_endpoint(endpoint.raw)
    body["properties"]["authMode"] = MODES[mode]
    return body
