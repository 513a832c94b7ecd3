"""What an autoscale setting makes of a number of instances that somebody gives by hand."""

from __future__ import annotations

from datetime import datetime

from services.autoscale.schedule import in_force
from services.autoscale.settings import Setting
from services.autoscale.words import limits, title
from services.azure.autoscale import setting_of
from services.azure.connection import Connection
from services.errors import SluiceError
from services.model import Deployment


def undone(conn: Connection, deployment: Deployment, instances: int) -> str:
    """What becomes of ``instances`` by the deployment's autoscale setting, in sentences; "" where none is in force.

    Also says so when the setting could not be read. Warns and never stops.
    """
    try:
        setting = setting_of(conn, deployment.id)
    except SluiceError as error:
        return f"Whether an autoscale setting will undo it was not checked: {error.why}"
    return "" if setting is None else words(setting, deployment, instances, conn.now())


def at_once(setting: Setting, instances: int, now: datetime) -> str:
    """What the limits in force at ``now`` make of ``instances``: ``from 1 to 40 instances``; "" for nothing. Pure."""
    profile = in_force(setting.profiles, now) if setting.enabled else None
    if profile is None or profile.minimum is None or profile.maximum is None or profile.minimum > profile.maximum:
        return ""
    bound = max(profile.minimum, min(instances, profile.maximum))
    return f"from {instances} to {bound} instances" if bound != instances else ""


def words(setting: Setting, deployment: Deployment, instances: int, now: datetime) -> str:
    """The same of a setting that is known. Pure."""
    profile = in_force(setting.profiles, now) if setting.enabled else None
    if profile is None or profile.minimum is None or profile.maximum is None:
        return ""
    holds = f"profile {title(profile.name)}, {limits(profile)}; now {deployment.instance_count}"
    bound = max(profile.minimum, min(instances, profile.maximum))
    if bound != instances:
        side = "minimum" if instances < bound else "maximum"
        return (
            f"Autoscale is on and will undo it ({holds}): {instances} is outside of the limits, so Azure Monitor goes "
            f"back to {bound} within a minute or so. Change the {side} on the Autoscale page instead."
        )
    if profile.rules:
        return (
            f"Autoscale is on and may undo it at any time ({holds}): its rules go on from {instances}. To keep a "
            "number, change minimum and maximum on the Autoscale page instead."
        )
    return f"Autoscale is on ({holds}): it has no rules then, so {instances} stays until another profile is in force."
