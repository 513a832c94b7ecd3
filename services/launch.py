"""``python -m services.launch``: what ``make run`` runs.

Says where it is going, starts the local Azure with its sample traffic when no workspace is configured, and then the
dashboard. On a configured workspace it starts the dashboard alone and creates nothing.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from services.errors import SluiceError
from services.local_azure import ROOT, LocalAzure, ports_are_free
from services.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Run until the dashboard ends or the person presses Ctrl+C. Returns the exit code, 2 when it could not start."""
    options = _options(arguments)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # An exception raised here could strike between the start of a child and the note that it was started.
        signal.signal(number, lambda *_: stopping.set())
    try:
        settings = Settings.read()
    except SluiceError as problem:
        return _fail(problem)
    if not ports_are_free(options.port):
        _say(f"Port {options.port} is taken by another program. Stop it, or choose another: make run PORT=8601")
        return 2
    local = LocalAzure(settings.local_azure_dir)
    try:
        environment = _target(settings, local, wanted=not options.no_local)
        return 0 if stopping.is_set() else _dashboard(options, {**os.environ, **environment}, stopping)
    except SluiceError as problem:
        return 0 if stopping.is_set() else _fail(problem)
    finally:
        local.stop()


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services.launch", description="Start Sluice.")
    parser.add_argument("--port", type=int, default=int(os.environ.get("SLUICE_PORT", "8501")))
    parser.add_argument("--no-local", action="store_true", help="never start the local Azure")
    parser.add_argument("--headless", action="store_true", help="do not open a browser")
    return parser.parse_args(arguments)


def _target(settings: Settings, local: LocalAzure, *, wanted: bool) -> Mapping[str, str]:
    """Print the target, start the local Azure when it is the target, and return what the dashboard needs on top."""
    if settings.is_configured:
        place = _at(settings)
        _say(f"Target: workspace {settings.workspace_name}, resource group {settings.resource_group}, at {place}.")
        origin = settings.origins["AZUREML_WORKSPACE_NAME"]
        if origin != "the environment":
            _say(f"The workspace is named in {origin}.")
        _say("Nothing is created there by starting Sluice.")
        return {}
    if not wanted:
        _say("Target: none. No workspace is configured, and the local Azure is not wanted.")
        return {}
    _say(f"Target: the local Azure on this machine (no workspace is configured). Its state is in {_shown(local)}.")
    _say("Starting it ...")
    began = time.monotonic()
    local.start()
    _say(f"The local Azure answers after {time.monotonic() - began:.1f} s.")
    local.start_samples()
    _say(f"The sample endpoints are being deployed in the background; see {_shown(local) / 'demo.log'}.")
    return local.environment()


def _at(settings: Settings) -> str:
    """Where the workspace is: the host of a described cloud, else the name of one that is not the public one."""
    if settings.cloud_metadata_url:
        return urlsplit(settings.cloud_metadata_url).netloc
    return settings.cloud if settings.cloud not in (None, "AzureCloud") else "management.azure.com"


def _dashboard(options: argparse.Namespace, environment: Mapping[str, str], stopping: threading.Event) -> int:
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", str(options.port)]
    if options.headless:
        command += ["--server.headless", "true"]
    _say(f"Sluice opens on http://localhost:{options.port}. Ctrl+C stops everything that was started here.")
    process = subprocess.Popen(command, cwd=ROOT, env=dict(environment))
    while process.poll() is None and not stopping.wait(0.2):
        pass
    if process.poll() is None:
        process.terminate()
        process.wait(20)
    return 0 if stopping.is_set() else int(process.returncode)


def _shown(local: LocalAzure) -> Path:
    """The state folder as a person would type it here."""
    return Path(os.path.relpath(local.state))


def _fail(problem: SluiceError) -> int:
    _say(f"{problem.what} {problem.why} {problem.next_step}".strip())
    return 2


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
