"""The engine behind autoscale settings: looks at them now and then, and scales deployments.

One evaluation of a setting reads the metrics that its profile in force names, decides, and begins the same operation as
a PATCH of the deployment's sku. A deployment that is being changed is left for the next time, and so is everything that
fails. What the engine did last is kept, so that a cooldown outlives a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import uuid
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any

from emulator.arm.autoscale import SETTING, STATE, target_of
from emulator.arm.context import Context
from emulator.arm.rules import RuleBroken
from emulator.arm.targets import Target
from emulator.documents import Document
from emulator.errors import ServiceError
from emulator.identity.tokens import Principal
from emulator.monitor.activity import Outcome, Subject, set_current_subject
from emulator.monitor.autoscale.decision import Decision, Reason, decide, observed
from emulator.monitor.autoscale.model import Profile, Trigger, parse_profiles, seconds
from emulator.monitor.autoscale.schedule import current_profile
from emulator.monitor.catalogue import DEPLOYMENTS, GRAINS
from emulator.monitor.query import zulu
from emulator.monitor.routes import Monitor

log = logging.getLogger(__name__)
Scale = Callable[[str, int, Principal], str]
CALLER = "Microsoft.Insights/autoscaleSettings"
_EVENTS = "Microsoft.Insights/AutoscaleSettings"
_PRINCIPAL = Principal(str(uuid.uuid5(uuid.NAMESPACE_URL, CALLER)), CALLER, "Owner")
_CLAIMS = {"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/spn": CALLER}
_LOOK_SECONDS = 0.5
"""How often it is looked whether an evaluation is due; the switch may change at any time."""
_STATISTICS = {"Average": "average", "Min": "minimum", "Max": "maximum", "Sum": "total", "Count": "count"}


class Autoscaling:
    """Evaluates every enabled setting, one after the other."""

    def __init__(self, context: Context, monitor: Monitor, scale: Scale) -> None:
        """`scale` begins to bring a deployment to a number of instances, as :meth:`Deployments.scale` does."""
        self._context = context
        self._monitor = monitor
        self._scale = scale
        self._task: asyncio.Task[None] | None = None
        self._flapping: dict[str, Decision] = {}

    def begin(self) -> None:
        """Begin to look at the settings."""
        self._task = asyncio.create_task(self._run(), name="autoscale")

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time()
        while True:
            every = self._context.settings.current.autoscale_seconds
            await asyncio.sleep(min(_LOOK_SECONDS, every) or _LOOK_SECONDS)
            if every and loop.time() - last >= every:
                last = loop.time()
                await self.evaluate()

    async def evaluate(self) -> None:
        """Look at every setting once."""
        for key, setting in self._context.documents.all(SETTING):
            try:
                await self._evaluate(key, setting)
            except Exception:
                # One setting that cannot be followed must not keep the others from being.
                log.exception("autoscale setting %s could not be evaluated", key)

    async def _evaluate(self, key: str, setting: Document) -> None:
        properties = setting["properties"]
        target = target_of(self._context, properties["targetResourceUri"])
        state = self._finish(key, target)
        if target is None or not properties["enabled"] or "operation" in state:
            return
        deployment = self._context.documents.get("deployment", target.key)
        if deployment is None or not deployment["applied"] or deployment["state"] not in ("Succeeded", "Failed"):
            return
        now = self._context.now()
        profile = current_profile(parse_profiles(properties), now)
        if profile is None:
            return
        current = int(deployment["applied"]["sku"]["capacity"])
        values = [await self._observe(rule.trigger, current, now) for rule in profile.rules]
        if self._context.documents.get(SETTING, key) != setting:
            return  # Changed or deleted while its metrics were read.
        decision = decide(profile, current, values, state.get("lastScaleAt"), now)
        self._note_flapping(key, target, profile, current, decision)
        if decision is not None and decision.target != current:
            self._act(key, target, profile, current, decision)

    async def _observe(self, trigger: Trigger, current: int, now: float) -> float | None:
        """What a rule sees: the whole minutes of its window; None when there is no value in them."""
        end = int(now // 60) * 60
        statistic = _STATISTICS[trigger.statistic]
        query = {
            "timespan": f"{zulu(end - int(trigger.window_seconds))}/{zulu(end)}",
            "interval": next(name for name, length in GRAINS.items() if length == seconds(trigger.grain)),
            "metricnames": trigger.metric,
            "aggregation": statistic,
        }
        if trigger.filter:
            query |= {"$filter": trigger.filter, "rollupby": ",".join(trigger.dimensions)}
        status, body = await self._monitor.arm_metrics(trigger.resource_id, query)
        if status != 200:
            log.warning("autoscale cannot read %s of %s: %s", trigger.metric, trigger.resource_id, body)
            return None
        series = body["value"][0]["timeseries"]
        points = [point[statistic] for point in series[0]["data"] if statistic in point] if series else []
        value = observed(points, trigger.time_aggregation)
        return value / max(current, 1) if value is not None and trigger.divide_per_instance else value

    def _act(self, key: str, target: Target, profile: Profile, current: int, decision: Decision) -> None:
        """Begin to scale, and write down that it was. A busy deployment is left for the next time."""
        correlation = str(uuid.uuid4())
        set_current_subject(_subject(target.arm_id, f"{DEPLOYMENTS}/write", correlation, "Administrative"))
        direction = "Scaleup" if decision.target > current else "Scaledown"
        before, now = self._context.documents.get(STATE, key) or {}, self._context.now()
        state: Document = {
            "lastScaleAt": now,
            "correlation": correlation,
            "direction": direction,
            "old": current,
            "new": decision.target,
            "profile": _described(profile, self._context, key),
            "previousScaleAt": before.get("lastScaleAt"),
        }
        try:
            with self._context.documents.transaction():
                state["operation"] = self._scale(target.key, decision.target, _PRINCIPAL)
                self._context.documents.put(STATE, key, state)
        except (ServiceError, RuleBroken) as error:
            if not (isinstance(error, ServiceError) and error.status == 409):
                self._note(key, target, f"{direction}/Action", state, "Failed", str(error))
            return
        finally:
            set_current_subject(None)
        self._note(key, target, f"{direction}/Action", state, "Succeeded")

    def _finish(self, key: str, target: Target | None) -> Document:
        """What the engine did last; when that has ended in the meantime, it is written down how."""
        state = self._context.documents.get(STATE, key) or {}
        if "operation" not in state:
            return state
        operation = self._context.documents.get("operation", state["operation"])
        if operation is not None and operation["status"] == "InProgress":
            return state
        ended: Document = {name: value for name, value in state.items() if name != "operation"}
        self._context.documents.put(STATE, key, ended)
        if target is not None and operation is not None:
            error = operation.get("error") or {}
            status = "Succeeded" if operation["status"] == "Succeeded" else "Failed"
            self._note(key, target, f"{state['direction']}Result/Action", state, status, error.get("message", ""))
        return ended

    def _note_flapping(
        self, key: str, target: Target, profile: Profile, current: int, decision: Decision | None
    ) -> None:
        """Write down, once for as long as it lasts, that scaling in was held back."""
        if decision is None or decision.reason is not Reason.FLAPPING:
            self._flapping.pop(key, None)
            return
        if self._flapping.get(key) == decision:
            return
        self._flapping[key] = decision
        is_held = decision.target == current
        sentence = (
            f"Scale down will {'not ' if is_held else ''}occur {'' if is_held else 'with updated instance count '}to"
            f" avoid flapping. Resource: '{target.arm_id}'. Current instance count: '{current}', Intended new instance"
            f" count: '{decision.intended}'. Actual new instance count: '{decision.target}'"
        )
        properties = {
            "Description": sentence,
            "ResourceName": target.arm_id,
            "OldInstancesCount": str(current),
            "NewInstancesCount": str(decision.target),
            "ActiveAutoscaleProfile": _described(profile, self._context, key),
        }
        subject = self._about_setting(key, "Flapping/Action", str(uuid.uuid4()))
        self._write(subject, Outcome("Succeeded", None, "FlappingOccurred", sentence, properties))

    def _note(
        self, key: str, target: Target, operation: str, state: Mapping[str, Any], status: str, failure: str = ""
    ) -> None:
        old, new = state["old"], state["new"]
        sentence = (
            f"The autoscale engine attempting to scale resource '{target.arm_id}' from {old} instances count to {new}"
            f" instances count.{' ' + failure if failure else ''}"
        )
        previous = state["previousScaleAt"]
        # Spelled as the schema of the activity log spells them.
        properties = {
            "Description": sentence,
            "ResourceName": target.arm_id,
            "OldInstancesCount": str(old),
            "NewInstancesCount": str(new),
            "ActiveAutoscaleProfile": state["profile"],
            "LastScaleActionTime": formatdate(previous, usegmt=True) if previous else "",
        }
        subject = self._about_setting(key, operation, state["correlation"])
        self._write(subject, Outcome(status, None, "AutoscaleAction", sentence, properties))

    def _about_setting(self, key: str, operation: str, correlation: str) -> Subject:
        """What the engine does is an event of the setting, not of what is scaled (activity log schema, Autoscale)."""
        setting = self._context.documents.get(SETTING, key)
        return _subject(setting["id"] if setting else "", f"{_EVENTS}/{operation}", correlation, "Autoscale")

    def _write(self, subject: Subject, outcome: Outcome) -> None:
        context = self._context
        context.activity.append(context.now(), context.secrets.tenant_id, subject, outcome)


def _subject(resource_id: str, operation: str, correlation: str, category: str) -> Subject:
    return Subject(CALLER, "", _CLAIMS, operation, resource_id, correlation, category=category)


def _described(profile: Profile, context: Context, key: str) -> str:
    """The profile in JSON, spelled with capitals as the schema of the activity log spells it."""
    setting = context.documents.get(SETTING, key) or {"properties": {"profiles": []}}
    found = [each for each in setting["properties"]["profiles"] if each["name"] == profile.name]
    return json.dumps(_capitalised(found[0] if found else {"name": profile.name}))


def _capitalised(value: object) -> object:
    if isinstance(value, dict):
        return {name[:1].upper() + name[1:]: _capitalised(each) for name, each in value.items()}
    return [_capitalised(each) for each in value] if isinstance(value, list) else value
