"""Where the demo may work: on a local Azure, and nowhere else."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

# Matched as written and not as parsed: parsers disagree about addresses such as https://elsewhere\@localhost.
LOOPBACK = re.compile(r"https?://(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d+)?(/.*)?")
REQUIRED = ("ARM_CLOUD_METADATA_URL", "EMULATOR_CONTROL_URL", "EMULATOR_CONTROL_SECRET")
ADDRESSES = ("ARM_CLOUD_METADATA_URL", "EMULATOR_CONTROL_URL", "IDENTITY_ENDPOINT", "AZUREML_DEV_URL_MFE")
PUBLIC_CLOUDS = ("AzureCloud", "AzureChinaCloud", "AzureUSGovernment")


class Refused(Exception):
    """The demo will not work here. The text is a sentence for a person."""


class Unavailable(Exception):
    """The local Azure did not answer, or not as expected. The text is a sentence for a person."""


def read_environment(path: Path) -> dict[str, str]:
    """Return the KEY=VALUE lines of an azure.env file, values unquoted as a shell would. Raises Refused without one."""
    if not path.is_file():
        raise Refused(f"{path} does not exist. Start the local Azure first: python -m emulator serve")
    words = shlex.split(path.read_text(), comments=True)
    return dict(word.split("=", 1) for word in words if "=" in word)


def check_loopback(environ: Mapping[str, str]) -> None:
    """Raise Refused unless every address the demo would write to is on this machine. Calls nobody."""
    for name in ADDRESSES:
        if name in environ and not LOOPBACK.fullmatch(environ[name]):
            raise Refused(f"The demo works on a local Azure only, and {name} is {environ[name]}.")
    for name in REQUIRED:
        if not environ.get(name):
            raise Refused(
                f"The demo works on a local Azure only, and {name} is not set. "
                "Load its environment (python -m emulator env) or name its folder (--state)."
            )


def cloud_name(metadata_url: str, patience_seconds: float = 60.0) -> str:
    """Return the name of the cloud behind ``metadata_url``, waiting for a server that is still starting.

    azure-ai-ml falls back to the public cloud without a word when it cannot read this address. Naming the cloud takes
    that way out. Raises Refused when the cloud is not on this machine, Unavailable when nobody answers.
    """
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            clouds = requests.get(metadata_url, timeout=5).json()
            break
        except requests.RequestException as error:
            if time.monotonic() > deadline:
                raise Unavailable(f"The local Azure does not answer at {metadata_url}: {error}") from None
            time.sleep(0.5)
    cloud = clouds[0] if isinstance(clouds, list) else clouds
    if cloud["name"] in PUBLIC_CLOUDS or not LOOPBACK.fullmatch(cloud["resourceManager"]):
        raise Refused(
            f"The demo works on a local Azure only, and this one is {cloud['name']}, {cloud['resourceManager']}."
        )
    return str(cloud["name"])


@dataclass(frozen=True)
class Control:
    """The part of the local Azure that real Azure lacks: it takes history and reads rows back."""

    url: str
    secret: str

    def has_rows(self, endpoint: str) -> bool:
        """Say whether the endpoint has ever been asked anything."""
        answer = requests.get(
            f"{self.url}/requests",
            params={"endpoint": endpoint, "since": "0", "limit": "1"},
            headers={"x-emulator-secret": self.secret},
            timeout=30,
        )
        return bool(self._checked(answer)["value"])

    def seed(self, rows: list[dict[str, Any]], created: Mapping[str, str]) -> None:
        """Store ``rows`` at the times they carry, and back-date resources (ARM id → UTC time)."""
        body = {"rows": rows, "created": [{"id": id_, "createdAt": at} for id_, at in created.items()]}
        self._checked(
            requests.post(f"{self.url}/seed", json=body, headers={"x-emulator-secret": self.secret}, timeout=120)
        )

    @staticmethod
    def _checked(answer: requests.Response) -> dict[str, Any]:
        if not answer.ok:
            raise Unavailable(f"The local Azure answered {answer.status_code} to {answer.url}: {answer.text[:300]}")
        return dict(answer.json()) if answer.content else {}
