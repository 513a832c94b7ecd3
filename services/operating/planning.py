"""What a change means before it happens: what Azure holds and will hold, and why it cannot be done. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from services.azure.deployments import RESTART_VARIABLE, writable_deployment, writable_endpoint
from services.errors import Conflict, RuleBroken
from services.model import Deployment, Endpoint, Split
from services.operating import renewals, signing_in
from services.operating.bodies import changed_deployment, cloned, values_of
from services.operating.change import (
    Change,
    Clone,
    DeleteDeployment,
    DeleteEndpoint,
    DeploymentSettings,
    EndpointSettings,
    Line,
    Plan,
    Restart,
    RotateKey,
    Scale,
    SignIn,
)
from services.operating.fields import FIELDS, MOST_INSTANCES
from services.operating.limits import check_name, check_tags, check_variables
from services.operating.lines import description_line, hidden_lines, tag_lines
from services.resources.resource_fields import without_azures_marks
from services.resources.specification import compare_documents

_ROLLING = (
    "Azure replaces the instances with new ones, a fifth of them at a time. Until the new ones are ready, the old ones "
    "answer."
)

_NAMED_IN_A_CLONE = {
    "properties.model",
    "properties.codeConfiguration.codeId",
    "properties.environmentId",
    "properties.instanceType",
    "sku.capacity",
}
"""What a clone's question names in any case: a field that was not taken over would go unseen otherwise."""
_MODE_OF_AZURE = (
    "Microsoft tells of this choice when an endpoint is made, and its API takes it later too. If Azure refuses it, "
    "nothing has changed."
)


def plan(change: Change, endpoint: Endpoint, deployments: Sequence[Deployment]) -> Plan:
    """What ``change`` does to ``endpoint`` and its ``deployments`` as they are now.

    Raises RuleBroken when it is against a rule or changes nothing, Conflict when the state forbids it.
    """
    match change:
        case Scale():
            return _scale(change, endpoint, _found(deployments, change.deployment, "It was not scaled."))
        case DeploymentSettings():
            return _settings(change, endpoint, _found(deployments, change.deployment, "Nothing was changed."))
        case EndpointSettings():
            return _endpoint_settings(change, endpoint)
        case Restart():
            return _restart(change, endpoint, _found(deployments, change.deployment, "It was not restarted."))
        case Clone():
            return _clone(change, endpoint, deployments)
        case DeleteDeployment():
            return _delete(change, endpoint, _found(deployments, change.deployment, "It was not deleted."))
        case DeleteEndpoint():
            return _delete_endpoint(change, endpoint, deployments)
        case RotateKey():
            return _rotate(change, endpoint)
        case SignIn():
            return _sign_in(change, endpoint)


def why_not_deleted(split: Split, deployment: str) -> str:
    """Why a deployment must stay: its share of the requests. "" when nothing speaks against it."""
    if split.live_percent(deployment):
        return f"{deployment} answers {split.live_percent(deployment)} % of the requests."
    if split.mirror.get(deployment):
        return f"{deployment} receives copies of {split.mirror[deployment]} % of the requests."
    return ""


def _scale(change: Scale, endpoint: Endpoint, found: Deployment) -> Plan:
    what = f"{found.name} was not scaled."
    if isinstance(change.instances, bool) or not 1 <= change.instances <= MOST_INSTANCES:
        why = f"A deployment has 1 to {MOST_INSTANCES} instances, not {change.instances}."
        raise RuleBroken(what, why, "Choose a number in between. To pay for none, delete the deployment.")
    _not_same(change.instances == found.instance_count, what)
    lines = (Line("Instances", str(found.instance_count), str(change.instances)),)
    notes = ["Running instances are not restarted; only the difference starts or stops."]
    if change.instances > found.instance_count:
        notes.append("New instances can take many minutes until they answer.")
    if change.instances == 1:
        notes.append("With one instance nobody answers while it is replaced after a failure.")
    title = f"Scale {found.name} from {found.instance_count} to {change.instances}"
    return _of_deployment(change, endpoint, found, "scale", title, lines, notes)


def _settings(change: DeploymentSettings, endpoint: Endpoint, found: Deployment) -> Plan:
    what = f"{found.name} was not changed."
    for name, value in change.fields.items():
        FIELDS[name].check(value)
    check_variables(change.variables, what)
    check_tags(change.tags, found.raw.get("tags") or {}, what)
    body = changed_deployment(found.raw, change)
    fields = [
        Line(
            FIELDS[name].label,
            FIELDS[name].words(FIELDS[name].read(found.raw)),
            FIELDS[name].words(FIELDS[name].read(body)),
        )
        for name in change.fields
        if FIELDS[name].read(found.raw) != change.fields[name]
    ]
    variables = hidden_lines("Variable", change.variables, values_of(found.raw, "environmentVariables"))
    plain = [*tag_lines(change.tags, found.raw), *description_line(change.description, found.raw)]
    lines = (*fields, *variables, *plain)
    _not_same(not lines, what)
    notes = [_ROLLING] if fields or variables else ["Nothing that an instance runs with changes."]
    if variables:
        notes.append("Everybody who may read the deployment can read its variables. Secrets belong into a key vault.")
    return _of_deployment(change, endpoint, found, "change", f"Change the settings of {found.name}", lines, notes)


def _endpoint_settings(change: EndpointSettings, endpoint: Endpoint) -> Plan:
    what = f"{endpoint.name} was not changed."
    check_tags(change.tags, endpoint.raw.get("tags") or {}, what)
    lines = (*tag_lines(change.tags, endpoint.raw), *description_line(change.description, endpoint.raw))
    _not_same(not lines, what)
    notes = ("The split, the keys and the deployments stay as they are.",)
    title = f"Change tags and description of {endpoint.name}"
    return Plan(
        endpoint.workspace_ref, endpoint.name, "", change, "change", title, lines, notes, endpoint_digest(endpoint)
    )


def _restart(change: Restart, endpoint: Endpoint, found: Deployment) -> Plan:
    before = str(values_of(found.raw, "environmentVariables").get(RESTART_VARIABLE, ""))
    lines = (Line(f"Variable {RESTART_VARIABLE}", before, change.mark),)
    notes = [
        "Azure has no restart. A changed variable makes it start new containers; model, code and settings stay.",
        _ROLLING,
    ]
    return _of_deployment(change, endpoint, found, "restart", f"Restart {found.name}", lines, notes)


def _clone(change: Clone, endpoint: Endpoint, deployments: Sequence[Deployment]) -> Plan:
    what = f"{change.name or 'The new deployment'} was not created."
    source = _found(deployments, change.deployment, what)
    check_name(change.name, what)
    if any(each.name.lower() == change.name.lower() for each in deployments):
        why = f"{endpoint.name} has a deployment named {change.name} already."
        raise RuleBroken(what, why, "Choose another name, or delete that one first.")
    if change.instances and not 1 <= change.instances <= MOST_INSTANCES:
        why = f"A deployment has 1 to {MOST_INSTANCES} instances, not {change.instances}."
        raise RuleBroken(what, why, "Choose a number in between.")
    body = cloned(source.raw, change)
    lines = tuple(
        Line(line.label, line.values[0], line.values[1])
        for line in compare_documents(source.raw, {**source.raw, **body})
        if line.is_different or line.path in _NAMED_IN_A_CLONE
    )
    notes = (
        f"Everything that is not named here is as in {source.name}, its variables included.",
        f"{change.name} gets no traffic before you give it some.",
    )
    named = Line("Deployment", source.name, change.name)
    title = f"Create {change.name} like {source.name}"
    return Plan(
        endpoint.workspace_ref,
        endpoint.name,
        change.name.lower(),
        change,
        "create",
        title,
        (named, *lines),
        notes,
        digest(writable_deployment(source.raw)),
    )


def _delete(change: DeleteDeployment, endpoint: Endpoint, found: Deployment) -> Plan:
    why = why_not_deleted(endpoint.split, found.name)
    if why:
        step = "Give its requests to another deployment on the Traffic page first."
        raise Conflict(f"{found.name} was not deleted.", why, step)
    lines = (
        Line("Deployment", found.name, ""),
        Line("Instances", f"{found.instance_count} × {found.instance_type}", ""),
    )
    notes = (
        "It has neither live nor mirrored traffic. A request that names it fails from then on.",
        "Its model, code and environment stay registered. Its container logs go; what was sent to Log Analytics stays.",
    )
    seen = digest([writable_deployment(found.raw), _split(endpoint)])
    return Plan(
        endpoint.workspace_ref,
        endpoint.name,
        found.name,
        change,
        "delete",
        f"Delete {found.name}",
        lines,
        notes,
        seen,
        is_final=True,
    )


def _delete_endpoint(change: DeleteEndpoint, endpoint: Endpoint, deployments: Sequence[Deployment]) -> Plan:
    if change.typed.strip() != endpoint.name:
        why = f"Its name is {endpoint.name}; you typed {change.typed.strip() or 'nothing'}."
        raise RuleBroken(f"{endpoint.name} was not deleted.", why, "Type its name, to be sure that you mean this one.")
    lines = (
        Line("Endpoint", endpoint.name, ""),
        *(Line("Deployment", f"{each.name}, {each.instance_count} × {each.instance_type}", "") for each in deployments),
    )
    notes = [
        "Its address and its keys are gone for good: a new endpoint of the same name gets other keys.",
        "Models, code and environments stay registered. Export it first if you may want it back.",
    ]
    if endpoint.split.live:
        notes.insert(0, f"It answers requests now: {_split_words(endpoint.split)}.")
    seen = digest([sorted(each.name for each in deployments), _split(endpoint)])
    title = f"Delete {endpoint.name} and {len(deployments)} of its deployments"
    if not deployments:
        title = f"Delete {endpoint.name}"
    return Plan(
        endpoint.workspace_ref, endpoint.name, "", change, "delete", title, lines, tuple(notes), seen, is_final=True
    )


def _rotate(change: RotateKey, endpoint: Endpoint) -> Plan:
    what = "No key was made."
    if change.which not in ("Primary", "Secondary"):
        raise RuleBroken(what, f"There is no key named {change.which!r}.", "Choose Primary or Secondary.")
    if endpoint.auth_mode != "key":
        why = f"Callers of {endpoint.name} use tokens ({endpoint.auth_mode}), which run out by themselves."
        raise RuleBroken(what, why, "There is nothing to do.")
    other = "secondary" if change.which == "Primary" else "primary"
    lines = (Line(f"{change.which} key", "the key of now", "a new one"),)
    notes = (
        f"Callers with the {change.which.lower()} key are refused (401) as soon as it is done.",
        "Azure does not tell who uses which key.",
        f"The {other} key stays as it is: move every caller to it first.",
    )
    return Plan(
        endpoint.workspace_ref,
        endpoint.name,
        "",
        change,
        renewals.ACTION,
        renewals.title(change.which, endpoint.name),
        lines,
        notes,
        digest(endpoint.auth_mode),
        is_final=True,
    )


def _sign_in(change: SignIn, endpoint: Endpoint) -> Plan:
    signing_in.check(endpoint, change.mode)
    before = endpoint.auth_mode
    lines = (Line("Auth mode", before, change.mode),)
    notes = (
        *signing_in.what_breaks(before, change.mode),
        "The split, the deployments, tags and description stay as they are.",
        _MODE_OF_AZURE,
    )
    title = f"Change how callers of {endpoint.name} sign in"
    return Plan(
        endpoint.workspace_ref, endpoint.name, "", change, "change", title, lines, notes, endpoint_digest(endpoint)
    )


def digest(value: object) -> str:
    """A short text that is the same for the same JSON. Nothing can be read from it."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def endpoint_digest(endpoint: Endpoint) -> str:
    """Of what of an endpoint can be set, without its split: that may change meanwhile, and is not overwritten."""
    body = writable_endpoint(endpoint.raw)
    for name in ("traffic", "mirrorTraffic"):
        body["properties"].pop(name, None)
    # Azure writes its last operation there, also after a split was shifted.
    body["properties"]["properties"] = without_azures_marks(body["properties"].get("properties"))
    return digest(body)


def _of_deployment(
    change: Change,
    endpoint: Endpoint,
    found: Deployment,
    action: str,
    title: str,
    lines: tuple[Line, ...],
    notes: list[str],
) -> Plan:
    seen = digest(writable_deployment(found.raw))
    return Plan(endpoint.workspace_ref, endpoint.name, found.name, change, action, title, lines, tuple(notes), seen)


def _found(deployments: Sequence[Deployment], name: str, what: str) -> Deployment:
    found = next((each for each in deployments if each.name == name), None)
    if found is None:
        raise Conflict(what, f"The deployment {name} is not there any more.", "Look at the deployments of now.")
    return found


def _not_same(is_same: bool, what: str) -> None:
    if is_same:
        raise RuleBroken(what, "It is so already.", "Change something, then look again.")


def _split(endpoint: Endpoint) -> list[dict[str, int]]:
    return [dict(endpoint.split.live), dict(endpoint.split.mirror)]


def _split_words(split: Split) -> str:
    return ", ".join(f"{name} {percent} %" for name, percent in split.live.items())
