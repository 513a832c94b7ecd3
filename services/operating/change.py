"""What a person wants to change on an endpoint or a deployment, and what is shown before it happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from services.model import WorkspaceRef


@dataclass(frozen=True)
class Scale:
    """Another number of instances."""

    deployment: str
    instances: int


@dataclass(frozen=True)
class DeploymentSettings:
    """Other settings of a deployment; what is not named here stays as it is.

    ``fields`` maps a name of ``services.operating.fields.FIELDS`` to its new value. ``variables`` and ``tags`` map
    names to new values, None takes one away. ``description`` None leaves it, "" takes it away.
    """

    deployment: str
    fields: Mapping[str, int] = field(default_factory=dict)
    variables: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    tags: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    description: str | None = None


@dataclass(frozen=True)
class EndpointSettings:
    """Other tags and another description of the endpoint, as in :class:`DeploymentSettings`."""

    tags: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    description: str | None = None


@dataclass(frozen=True)
class Restart:
    """New containers with the same settings. ``mark`` is the value of the variable whose change makes Azure do it."""

    deployment: str
    mark: str


@dataclass(frozen=True)
class Clone:
    """A new deployment like ``deployment`` but for what is named here; "" and 0 keep what the source has.

    ``model``, ``code`` and ``environment`` are references as in ``services.azure.deployments.asset_id``.
    """

    deployment: str
    name: str
    model: str = ""
    code: str = ""
    scoring_script: str = ""
    environment: str = ""
    instance_type: str = ""
    instances: int = 0


@dataclass(frozen=True)
class DeleteDeployment:
    """The end of a deployment that has neither live nor mirrored traffic."""

    deployment: str


@dataclass(frozen=True)
class DeleteEndpoint:
    """The end of an endpoint and all its deployments. ``typed`` is its name as the person has typed it."""

    typed: str


@dataclass(frozen=True)
class RotateKey:
    """A new ``Primary`` or ``Secondary`` key. The old one stops working at once."""

    which: str


@dataclass(frozen=True)
class SignIn:
    """Another auth mode of the endpoint: ``key``, ``aml_token`` or ``aad_token``."""

    mode: str


Change: TypeAlias = (
    Scale
    | DeploymentSettings
    | EndpointSettings
    | Restart
    | Clone
    | DeleteDeployment
    | DeleteEndpoint
    | RotateKey
    | SignIn
)


@dataclass(frozen=True)
class Line:
    """One thing that changes, or that is named though it stays. ``before`` and ``after`` are for people, "" where there
    is nothing; a value that may be a secret is never in them."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Plan:
    """What will happen when the person confirms: the ``lines`` that change, and what else to know (``notes``).

    ``seen`` is a digest of what Azure held when the plan was made. ``deployment`` is "" when it is about the endpoint.
    ``is_final`` says that it cannot be taken back, ``is_autoscaled`` that an autoscale setting has a word in it,
    ``is_refused`` that Azure will refuse it by what is known of the quota.
    """

    workspace: WorkspaceRef
    endpoint: str
    deployment: str
    change: Change
    action: str
    title: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    seen: str
    is_final: bool = False
    is_autoscaled: bool = False
    is_refused: bool = False
