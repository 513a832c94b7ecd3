"""The values that the control plane hands to the scoring plane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Probe:
    """How often an instance is asked whether it is well, in seconds, and how many answers decide.

    The defaults are Azure's (reference-yaml-deployment-managed-online, ProbeSettings).
    """

    initial_delay_seconds: float = 10.0
    period_seconds: float = 10.0
    timeout_seconds: float = 2.0
    failure_threshold: int = 30
    success_threshold: int = 1


@dataclass(frozen=True)
class DeploymentSpec:
    """Everything needed to run one deployment.

    Paths point at what was uploaded: they are copied, never used in place. `curated` is the name of a curated
    environment, "" for one made of image and conda file. `mlflow` says that the model brings its own scoring:
    `code_path` and `scoring_script` may then be empty. `cores` and `memory_gb` are those of the instance type.
    """

    endpoint: str
    deployment: str
    instance_count: int
    code_path: Path | None
    scoring_script: str
    model_path: Path | None
    model_name: str
    model_version: str
    conda_yaml: str | None
    image: str
    environment_variables: Mapping[str, str]
    request_timeout_ms: int
    max_concurrent_requests: int
    liveness: Probe = field(default_factory=Probe)
    readiness: Probe = field(default_factory=Probe)
    instance_type: str = "Standard_DS3_v2"
    cores: int = 4
    memory_gb: float = 14.0
    mlflow: bool = False
    curated: str = ""


class DeploymentFailed(Exception):
    """A deployment that cannot serve. `code` is Azure's error code, `message` a sentence for a person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class EndpointRoute:
    """What the gateway knows of an endpoint: what opens it, and percentages by deployment name.

    `auth_mode` is Key, AMLToken or AADToken; `keys` open an endpoint of mode Key only.
    """

    keys: tuple[str, ...]
    live: Mapping[str, int] = field(default_factory=dict)
    mirror: Mapping[str, int] = field(default_factory=dict)
    auth_mode: str = "Key"


@dataclass(frozen=True)
class Collecting:
    """What a data collector keeps of a deployment's requests.

    ``rates`` are the shares, 0 to 1, of requests that go into the collections request and response. ``source`` is the
    deployment's ARM id, ``container`` the blob container and ``address`` its URL. A new folder is begun each
    ``rolling`` (minute, hour, day, month, year).
    """

    source: str
    container: str
    address: str
    rates: Mapping[str, float]
    rolling: str = "hour"


@dataclass(frozen=True)
class Conditions:
    """What holds for every endpoint of the gateway. Rates are per second and per endpoint.

    ``mirror_keeps_request_id`` says whether a copy bears the request id of the request that it is a copy of.
    """

    clock_shift_seconds: float = 0.0
    requests_per_second: int = 500
    connections_per_second: int = 500
    active_connections: int = 500
    bytes_per_second: int = 5_000_000
    mirror_keeps_request_id: bool = True
