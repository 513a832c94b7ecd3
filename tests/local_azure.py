"""A local Azure as its users meet it: a process, its ready line, and the environment it leaves in its state folder."""

from __future__ import annotations

import base64
import json
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.02
AZURE_VARIABLES = ("AZURE_", "AZUREML_", "ARM_", "IDENTITY_", "MSI_", "SLUICE_", "EMULATOR_")


def clean_environment() -> dict[str, str]:
    """This process's environment without anything that points at a cloud."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(AZURE_VARIABLES)}
    # Nothing else keeps the Azure CLI's defaults of whoever runs the tests away.
    return {**kept, "AZURE_CONFIG_DIR": os.devnull}


class LocalAzure:
    """`python -m emulator serve` on free ports, or on `port`. Use it in a `with` statement."""

    def __init__(self, state: Path, port: int = 0, *options: str) -> None:
        self.state = state
        self._arguments = ["serve", "--port", str(port), "--state", str(state), *options]
        self.process: subprocess.Popen[str]
        self.url = ""
        self.environment: dict[str, str] = {}
        # A connection of its own for each request would cost more than most requests.
        self._session = requests.Session()

    def __enter__(self) -> Self:
        """Start it and wait for the ready line."""
        # A file, not a pipe: whatever is logged can neither fill up nor stop the server.
        with tempfile.NamedTemporaryFile("w+", suffix=".log", delete=False) as errors:
            self._errors = Path(errors.name)
            self.process = subprocess.Popen(
                [sys.executable, "-m", "emulator", *self._arguments],
                cwd=ROOT,
                env=clean_environment(),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("ready "):
            self.stop()
            raise AssertionError(f"The local Azure did not start: {line}\n{self.output()}")
        self.url = line.split()[1]
        self.environment = read_environment(self.state / "azure.env")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()
        self._errors.unlink(missing_ok=True)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end. Returns the exit code."""
        self._session.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def output(self) -> str:
        """What the server wrote on stderr."""
        return self._errors.read_text() if self._errors.exists() else ""

    @property
    def port(self) -> int:
        """The port of the control plane."""
        return int(self.url.rpartition(":")[2])

    @property
    def bundle(self) -> str:
        """The certificates that a client has to trust."""
        return self.environment["REQUESTS_CA_BUNDLE"]

    @property
    def workspace(self) -> str:
        """ARM id of the workspace."""
        values = self.environment
        return (
            f"/subscriptions/{values['AZURE_SUBSCRIPTION_ID']}/resourceGroups/{values['AZURE_RESOURCE_GROUP']}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{values['AZUREML_WORKSPACE_NAME']}"
        )

    def client_environment(self) -> dict[str, str]:
        """The environment of a client program: ours, and what `env` prints."""
        return clean_environment() | self.environment

    def token(self, role: str = "owner", resource: str = "https://management.azure.com") -> str:
        """An access token for the owner or the reader."""
        header = self.environment["IDENTITY_HEADER"]
        if role == "reader":
            header = json.loads((self.state / "secrets.json").read_text())["reader_header"]
        answer = requests.get(
            self.environment["IDENTITY_ENDPOINT"],
            params={"api-version": "2019-08-01", "resource": resource},
            headers={"X-IDENTITY-HEADER": header},
            timeout=60,
        )
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def arm(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        version: str | None = "",
    ) -> requests.Response:
        """One ARM request. A `path` that begins with a slash is absolute, another one is below the workspace.

        `version` "" is one that its resource type has, None is none.
        """
        target = path if path.startswith("/") else f"{self.workspace}/{path}"
        version = published_version(target) if version == "" else version
        if token is None and target.lower().partition("?")[0].endswith("metrics:getbatch"):
            token = self.token(resource="https://metrics.monitor.azure.com")
        return self._session.request(
            method,
            self.url + target,
            params={"api-version": version} if version else {},
            json=body,
            headers={"Authorization": f"Bearer {token or self.token()}"},
            verify=self.bundle,
            timeout=60,
        )

    def finish(self, answer: requests.Response, seconds: float = 240.0) -> dict[str, Any]:
        """Poll an accepted operation to its end and return its last status."""
        assert answer.status_code in (200, 201, 202), answer.text
        deadline = time.monotonic() + seconds
        token = self.token()
        while time.monotonic() < deadline:
            status = self._session.get(
                answer.headers["Azure-AsyncOperation"],
                headers={"Authorization": f"Bearer {token}"},
                verify=self.bundle,
                timeout=60,
            ).json()
            if status["status"] != "InProgress":
                return dict(status)
            time.sleep(POLL_SECONDS)
        raise AssertionError(f"The operation did not end within {seconds} s: {status}")

    def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> requests.Response:
        """One request to /_emulator."""
        return self._session.request(
            method,
            f"{self.environment['EMULATOR_CONTROL_URL']}/{path}",
            json=body,
            headers={"x-emulator-secret": self.environment["EMULATOR_CONTROL_SECRET"]},
            verify=self.bundle,
            timeout=60,
        )

    def score(self, endpoint: str, data: object, key: str | None = None) -> requests.Response:
        """One scoring request with the primary key, or with `key`."""
        key = key or self.arm("POST", f"onlineEndpoints/{endpoint}/listKeys").json()["primaryKey"]
        address = self.arm("GET", f"onlineEndpoints/{endpoint}").json()["properties"]["scoringUri"]
        return requests.post(
            address, json=data, headers={"Authorization": f"Bearer {key}"}, verify=self.bundle, timeout=60
        )


def published_version(path: str) -> str:
    """An api-version in which the resource type of an ARM path was published."""
    last = path.lower().partition("?")[0].rpartition("/providers/")[2] if "/providers/" in path.lower() else ""
    versions = {
        "microsoft.machinelearningservices/": "2023-04-01-preview",
        "microsoft.insights/diagnosticsettings": "2021-05-01-preview",
        "microsoft.insights/autoscalesettings": "2022-10-01",
        "microsoft.insights/eventtypes": "2015-04-01",
        "microsoft.insights/eventcategories": "2015-04-01",
        "microsoft.insights/": "2024-02-01",
        "microsoft.authorization/": "2022-04-01",
        "microsoft.operationalinsights/": "2022-10-01",
    }
    if path.lower().partition("?")[0].endswith("metrics:getbatch"):
        return "2024-02-01"
    return next((version for begin, version in versions.items() if last.startswith(begin)), "2022-09-01")


def read_environment(path: Path) -> dict[str, str]:
    """The variables in an azure.env file."""
    return dict(shlex.split(line)[0].split("=", 1) for line in path.read_text().splitlines())


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, unchecked."""
    middle = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4))))


def three_free_ports() -> int:
    """The first of three free ports in a row, outside the range that the system hands out by itself.

    Workers that run side by side have ranges of their own: none takes what another has just found free.
    """
    begin = 10_000 + 1000 * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 10)
    free = (
        first
        for first in random.sample(range(begin, begin + 997), 200)
        if not any(map(is_taken, range(first, first + 3)))
    )
    return next(free)


def is_taken(port: int) -> bool:
    """Whether something listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
