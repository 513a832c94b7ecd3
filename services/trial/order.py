"""What a trial is asked to do: everything that its process needs, as one line of JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.deploying.model import Bundle, Document, Kind

_ONE_INSTANCE = 1


@dataclass(frozen=True)
class Payload:
    """The sample request. An empty ``body`` sends none: the trial ends when the deployment is ready."""

    body: bytes = b""
    content_type: str = "application/json"


@dataclass(frozen=True)
class Order:
    """Deploy ``deployment``, a document of the CLI's schema in ``file`` below ``folder``, and send ``payload``.

    ``endpoint`` is the document of its endpoint, as far as it matters here.
    """

    folder: Path
    file: str
    endpoint: Mapping[str, Any]
    deployment: Mapping[str, Any]
    payload: Payload

    @property
    def endpoint_name(self) -> str:
        """The name of the endpoint."""
        return str(self.endpoint["name"])

    @property
    def deployment_name(self) -> str:
        """The name of the deployment."""
        return str(self.deployment["name"])

    def as_line(self) -> bytes:
        """The order as one line."""
        content = {
            "folder": str(self.folder),
            "file": self.file,
            "endpoint": self.endpoint,
            "deployment": self.deployment,
            "body": base64.b64encode(self.payload.body).decode("ascii"),
            "content_type": self.payload.content_type,
        }
        return json.dumps(content, default=_plain).encode() + b"\n"

    @staticmethod
    def from_line(line: bytes) -> Order:
        """The order in a line of :meth:`as_line`."""
        content = json.loads(line)
        payload = Payload(base64.b64decode(content["body"]), content["content_type"])
        return Order(Path(content["folder"]), content["file"], content["endpoint"], content["deployment"], payload)


def _plain(value: object) -> object:
    """What JSON has for a value that YAML can have and JSON cannot: a date is its text for azure-ai-ml too."""
    return dict(value) if isinstance(value, Mapping) else str(value)


def order_for(bundle: Bundle, document: Document, payload: Payload) -> Order:
    """What has to be done to try ``document`` of ``bundle``: one instance, on an endpoint without a split.

    The split of the file is of deployments that are not there, and identities of Azure are not there either.
    """
    beside = (each for each in bundle.documents if each.kind is Kind.ENDPOINT and each.name == document.endpoint)
    described = next(beside, None)
    auth_mode = described.content.get("auth_mode", "key") if described else "key"
    endpoint = {"name": document.endpoint, "auth_mode": auth_mode}
    deployment = {**document.content, "instance_count": _ONE_INSTANCE}
    return Order(bundle.folder, document.file, endpoint, deployment, payload)
