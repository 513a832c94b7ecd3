"""The pages as Streamlit's AppTest runs them, on a running local Azure."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from tests.deployable import create_endpoint, upload_and_put
from tests.local_azure import AZURE_VARIABLES, ROOT, LocalAzure
from ui import readers

SPLIT = "pages-split"
"""An endpoint with two deployments: blue doubles and is live, green trebles and is mirrored to."""
BARE = "pages-bare"
"""An endpoint without any deployment."""
MINUTES = 30


class Page:
    """One page of the app, as the script has last drawn it."""

    def __init__(self, app: AppTest) -> None:
        self.app = app

    def html(self) -> str:
        """All hand-made HTML on the page."""
        return "\n".join(element.proto.body for element in self.app.get("html") if "<style>" not in element.proto.body)

    def component(self, key: str) -> dict[str, Any]:
        """What the browser is given to draw the component ``key``."""
        found = [element for element in self.app.get("bidi_component") if element.proto.id.endswith(f"-{key}")]
        assert found, f"no component {key}"
        return dict(json.loads(found[0].proto.json))

    def control(self, kind: str, key: str) -> Any:
        """The control whose key begins so: it gets a number when something else has changed what it shows."""
        return next(each for each in self.app.get(kind) if re.fullmatch(rf"{re.escape(key)}(:\d+)?", each.key or ""))

    def rows(self, key: str) -> list[list[str]]:
        """The text of the table ``key``, row by row."""
        return [[cell["text"] for cell in row["cells"]] for row in self.component(key)["rows"]]

    def settled(self) -> Page:
        """The page once nothing is on its way behind the scenes."""
        deadline, pause = time.monotonic() + 60, threading.Event()
        while 'class="working"' in self.html():
            assert time.monotonic() < deadline, self.html()
            pause.wait(0.05)
            self.app.run()
        assert not self.app.exception
        return self

    def fresh(self) -> Page:
        """The page as somebody sees it who reads everything anew."""
        st.cache_data.clear()
        readers.forget()
        self.app.run()
        return self


@pytest.fixture(scope="session", autouse=True)
def packages_are_looked_through_once() -> Iterator[None]:
    """Streamlit looks through all installed packages for components when a test opens a page: half a second each."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(scope="session")
def seeded(local_azure: LocalAzure) -> LocalAzure:
    """A local Azure with both endpoints, and half an hour of requests to the first."""
    assert create_endpoint(local_azure, BARE).ok
    assert create_endpoint(local_azure, SPLIT).ok
    started = [upload_and_put(local_azure, SPLIT, name, factor) for name, factor in (("blue", 2), ("green", 3))]
    for answer in started:
        assert local_azure.finish(answer, 240)["status"] == "Succeeded", local_azure.output()
    write_split(local_azure, {"blue": 100}, {"green": 20})
    now = time.time()
    rows = [
        row(now - 60 * minute - 5, name, kind, status)
        for minute in range(MINUTES)
        for name, kind, status in (("blue", "live", 200), ("blue", "live", 200), ("green", "mirror", 200))
        if not (name == "green" and minute == 20)
    ]
    rows.append(row(now - 600, "blue", "live", 424))
    assert local_azure.control("POST", "seed", {"rows": rows}).ok
    return local_azure


@pytest.fixture
def recent(seeded: LocalAzure) -> LocalAzure:
    """The seeded local Azure with requests of the last minutes, however long ago it was seeded: what a list tells is of
    the last quarter of an hour."""
    now = time.time()
    rows = [
        row(now - 60 * minute - 5, name, kind, 200)
        for minute in range(6)
        for name, kind in (("blue", "live"), ("green", "mirror"))
    ]
    seeded.control("POST", "seed", {"rows": rows}).raise_for_status()
    return seeded


def row(at: float, deployment: str, kind: str, status: int) -> dict[str, Any]:
    """One recorded request."""
    milliseconds = {"blue": 8.0, "green": 16.0}[deployment]
    return {
        "started_at": at,
        "endpoint": SPLIT,
        "deployment": deployment,
        "kind": kind,
        "route": "mirror" if kind == "mirror" else "split",
        "status": status,
        "model_status": 200 if status == 200 else 500,
        "reason": "" if status == 200 else "model_error",
        "total_ms": milliseconds,
        "model_ms": milliseconds - 2,
        "request_bytes": 20,
        "response_bytes": 10,
        "request_id": "00000000-0000-4000-8000-000000000000",
        "client_request_id": "",
        "user_agent": "tests",
        "auth": "key",
        "mirrored": 0,
    }


def write_split(azure: LocalAzure, live: dict[str, int], mirror: dict[str, int] | None = None) -> None:
    """Set the split behind the pages' back."""
    document = azure.arm("GET", f"onlineEndpoints/{SPLIT}").json()
    document["properties"] |= {"traffic": live, "mirrorTraffic": mirror or {}}
    assert azure.finish(azure.arm("PUT", f"onlineEndpoints/{SPLIT}", document))["status"] == "Succeeded"


def read_split(azure: LocalAzure) -> tuple[dict[str, int], dict[str, int]]:
    """Live and mirrored traffic as Azure holds it."""
    properties = azure.arm("GET", f"onlineEndpoints/{SPLIT}").json()["properties"]
    return properties["traffic"], properties["mirrorTraffic"]


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees the connection or the cached reads of another one, nor a workspace of this machine's user."""
    for name in list(os.environ):
        if name.startswith(AZURE_VARIABLES) and name != "AZURE_CONFIG_DIR":
            monkeypatch.delenv(name)
    st.cache_resource.clear()
    st.cache_data.clear()
    # What a test asks of Sluice beside a page has this one session for the whole process: it remembers a workspace.
    st.session_state.clear()
    main = sys.modules["__main__"]
    yield
    # What a page has begun to read would meet the next test's faults, and take them away from it.
    for thread in threading.enumerate():
        if thread.name == "behind":
            thread.join(60)
    # A run of a page that is still going leaves its script there, and new processes would begin with it.
    sys.modules["__main__"] = main
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Page]:
    """Opens a page of the app, connected to ``azure`` as ``role``, or to nothing."""
    monkeypatch.setenv("SLUICE_DATA_DIR", str(tmp_path / "data"))

    def go(name: str, azure: LocalAzure | None = None, role: str = "owner", **query: str) -> Page:
        for variable, value in (azure.environment if azure else {}).items():
            monkeypatch.setenv(variable, value)
        if azure and role == "reader":
            secrets = json.loads((azure.state / "secrets.json").read_text(encoding="utf-8"))
            monkeypatch.setenv("IDENTITY_HEADER", secrets["reader_header"])
        # Not app.py: beside its own pages folder AppTest would run a page without the shell from the second run on.
        app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60)
        if name != "endpoints" and azure:
            app.switch_page(f"../pages/{name}.py")
        for parameter, value in query.items():
            app.query_params[parameter] = value
        app.run()
        assert not app.exception
        return Page(app)

    return go
