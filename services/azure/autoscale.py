"""Autoscale settings of deployments: found, and compared before and after they are written.

A deployment has one setting at most, which may be in any resource group of its subscription.
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from services.autoscale.comparing import lost
from services.autoscale.settings import Setting
from services.azure.connection import Connection
from services.errors import Conflict, ServiceFailed

API_VERSION = "2022-10-01"
WRITER = "Monitoring Contributor"
"""The built-in role that may write settings (microsoft.insights/autoscalesettings/write)."""
_READER = "Monitoring Reader"
_TYPE = "Microsoft.Insights/autoscaleSettings"
_READ_ONLY = ("id", "name", "type", "systemData", "etag")
_LOOK = "Look at the setting that Azure holds now, then decide again."


def setting_of(conn: Connection, deployment_id: str) -> Setting | None:
    """The autoscale setting of a deployment, None when it has none. Raises SluiceError."""
    wanted = deployment_id.lower().rstrip("/")
    return next((each for each in settings(conn, deployment_id) if each.target.lower().rstrip("/") == wanted), None)


def settings(conn: Connection, resource_id: str) -> tuple[Setting, ...]:
    """All autoscale settings of the subscription of ``resource_id``. Raises SluiceError."""
    call = conn.call("The autoscale settings could not be read.", _READER)
    path = f"/subscriptions/{resource_id.split('/')[2]}/providers/{_TYPE}"
    return tuple(Setting.of(entry) for entry in conn.pages(path, call, api_version=API_VERSION))


def path_of(deployment_id: str, held: Setting | None) -> str:
    """Where a deployment's setting is, or where a new one goes: beside the workspace, named by both names.

    The names alone would be those of another deployment too: one of the same name in another workspace of the resource
    group, whose setting a PUT would take away. So a part of the name comes from the whole id.
    """
    if held is not None:
        return held.id
    parts = deployment_id.rstrip("/").split("/")
    group = "/".join(parts[:5])
    own = hashlib.sha256("/".join(parts).lower().encode()).hexdigest()[:8]
    name = re.sub(r"[^A-Za-z0-9-]", "-", f"autoscale-{parts[-3]}-{parts[-1]}-{own}")
    return f"{group}/providers/{_TYPE}/{name}"


def writable(document: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a setting's document that can be PUT: without what only Azure sets."""
    return {key: copy.deepcopy(value) for key, value in document.items() if key not in _READ_ONLY}


def check_unchanged(conn: Connection, deployment_id: str, base: Setting | None, what: str) -> None:
    """Raises Conflict when Azure holds another setting for the deployment than ``base``, and the other SluiceErrors."""
    held = setting_of(conn, deployment_id)
    if (held is None) != (base is None) or (
        held is not None and base is not None and (held.id.lower() != base.id.lower() or not is_same(held, base))
    ):
        why = "Somebody has changed the autoscale setting since you began to edit it."
        raise Conflict(what, why, _LOOK)


def is_same(one: Setting, other: Setting) -> bool:
    """Whether two settings would be written alike."""
    return writable(one.raw) == writable(other.raw)


def checked(conn: Connection, deployment_id: str, written: Mapping[str, Any], what: str) -> Setting:
    """The setting as Azure holds it now; what was written has to be in it. Raises ServiceFailed, SluiceError."""
    found = setting_of(conn, deployment_id)
    missing = ("the setting",) if found is None else lost(written, found.raw)
    if found is None or missing:
        why = f"Azure took the setting, and does not hold {', '.join(missing[:3])} as it was written."
        raise ServiceFailed(what, why, "Look at the setting again: somebody may be changing it just now.")
    return found
