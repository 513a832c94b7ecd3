"""How long until the list of a large workspace is complete, when every call to Azure takes 50 ms?

A local Azure of its own has 200 seeded endpoints with three deployments each, and holds every answer of its Resource
Manager back for 50 ms. Sluice's fleet reads them, eight calls at once. The peer does what a script does: azure-ai-ml's
client lists the endpoints, then the deployments of each. The bound is the time in which eight calls at once can be
answered if nothing else took any time. Then what one look at the complete list costs, and at four times as many.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.report import Cell, Report, middle
from services.azure.connection import Connection, connect
from services.fleet.fleet import Fleet, FleetView, Scope
from services.fleet.fleet_numbers import read_numbers
from services.model import WorkspaceRef
from services.settings import Settings
from tests.local_azure import LocalAzure

ENDPOINTS = 200
DEPLOYMENTS = ("blue", "green", "grey")
DELAY_SECONDS = 0.05
PARALLEL = 8
ROUNDS, PEER_ROUNDS, LOOKS = 5, 2, 200
MORE = 3
"""Further workspaces of as many endpoints, for the cost of a look."""
POLL_SECONDS = 0.005
LONGEST_SECONDS = 120.0


def seed(azure: LocalAzure, workspace: WorkspaceRef, prefix: str) -> None:
    """Make a workspace full of endpoints."""
    entries = [
        {
            "name": f"{prefix}-{number}",
            "workspace": workspace.id,
            "deployments": list(DEPLOYMENTS),
            "traffic": {"blue": 90, "green": 10},
        }
        for number in range(ENDPOINTS)
    ]
    azure.control("POST", "seed", {"endpoints": entries}).raise_for_status()


def complete(fleet: Fleet, scope: Scope) -> FleetView:
    """Look until everything is there. Raises RuntimeError when it does not come, or not whole."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while not (view := fleet.view(scope, max_age_seconds=LONGEST_SECONDS)).is_complete:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{view.done} of {view.expected} calls were answered")
        time.sleep(POLL_SECONDS)
    wrong = [each for each in view.members if len(each.deployments or ()) != len(DEPLOYMENTS)]
    if wrong or len(view.members) != ENDPOINTS * len(view.workspaces):
        raise RuntimeError(f"{len(view.members)} endpoints, {len(wrong)} of them without their deployments")
    return view


def seconds_of(ask: Callable[[], object], rounds: int) -> float:
    """The median of some rounds, after one that is not counted: imports, connections and a token."""
    ask()
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - began)
    return middle(taken)


def by_script(conn: Connection) -> None:
    """What a script with azure-ai-ml does."""
    client = conn.ml_client()
    names = [endpoint.name for endpoint in client.online_endpoints.list()]
    found = sum(len(list(client.online_deployments.list(endpoint_name=name))) for name in names)
    if found != ENDPOINTS * len(DEPLOYMENTS):
        raise RuntimeError(f"{found} deployments were listed")


def measure(azure: LocalAzure, folder: Path) -> tuple[list[dict[str, Cell]], dict[str, Cell]]:
    """The rows of the list, and what a look and the numbers cost."""
    conn = connect(Settings.read({**azure.environment}, folder))
    seed(azure, conn.workspace, "shop")
    delay = {"path": "/subscriptions/*", "delay_seconds": DELAY_SECONDS}
    fault = azure.control("POST", "faults", delay).json()["id"]
    calls = 1 + ENDPOINTS
    scope = Scope((conn.workspace,))
    script = seconds_of(lambda: by_script(conn), PEER_ROUNDS)
    ours = seconds_of(lambda: complete(Fleet(conn, parallel=PARALLEL), scope), ROUNDS)
    azure.control("DELETE", f"faults/{fault}").raise_for_status()
    bound = calls / PARALLEL * DELAY_SECONDS
    rows: list[dict[str, Cell]] = [
        {"who": who, "calls": calls, "at once": at_once, "seconds": seconds, "times the bound": seconds / bound}
        for who, at_once, seconds in (
            ("azure-ai-ml, one after the other", 1, script),
            ("Sluice", PARALLEL, ours),
            ("bound", PARALLEL, bound),
        )
    ]
    return rows, {**looks(azure, conn), "numbers seconds": numbers(conn, scope)}


def looks(azure: LocalAzure, conn: Connection) -> dict[str, Cell]:
    """Milliseconds of a look at one workspace, and at four."""
    home = conn.workspace
    more = [WorkspaceRef(home.subscription_id, home.resource_group, f"more-{number}") for number in range(MORE)]
    places = [{"subscription": r.subscription_id, "resource_group": r.resource_group, "name": r.name} for r in more]
    azure.control("POST", "seed", {"workspaces": [{**each, "region": "westeurope"} for each in places]})
    for number, ref in enumerate(more):
        seed(azure, ref, f"more{number}")
    found: dict[str, Cell] = {}
    for refs in ((home,), (home, *more)):
        fleet, scope = Fleet(conn, parallel=PARALLEL), Scope(refs)
        members = len(complete(fleet, scope).members)
        taken = []
        for _ in range(LOOKS):
            began = time.perf_counter()
            fleet.view(scope, max_age_seconds=LONGEST_SECONDS)
            taken.append((time.perf_counter() - began) * 1000)
        found[f"look at {members} endpoints ms"] = round(middle(taken), 2)
    return found


def numbers(conn: Connection, scope: Scope) -> float:
    """Seconds for the numbers of all endpoints of one workspace, without delay."""
    members = complete(Fleet(conn, parallel=PARALLEL), scope).members
    began = time.perf_counter()
    reading = read_numbers(conn, members, datetime.now(UTC))
    if len(reading.numbers) != ENDPOINTS or reading.problems:
        raise RuntimeError(f"{len(reading.numbers)} numbers, problems {reading.problems}")
    return round(time.perf_counter() - began, 2)


def main() -> Report:
    """Measure, print and write."""
    began = time.perf_counter()
    before = dict(os.environ)
    with TemporaryDirectory(prefix="bench-") as name, LocalAzure(Path(name) / "state") as azure:
        # azure-identity and requests read these from the environment of the process and from nowhere else.
        os.environ.update(azure.environment)
        try:
            rows, facts = measure(azure, Path(name))
        finally:
            os.environ.clear()
            os.environ.update(before)
    ratio, faster = float(rows[1]["times the bound"]), float(rows[0]["seconds"]) / float(rows[1]["seconds"])
    report = Report(
        name="fleet",
        question=f"{ENDPOINTS} endpoints, {len(DEPLOYMENTS)} deployments each, {DELAY_SECONDS * 1000:.0f} ms a call.",
        rows=rows,
        verdict=f"The list is complete {faster:.1f} times as fast as the script's, at {ratio:.2f} times the bound.",
        notes=(
            f"Medians of {ROUNDS} rounds, {PEER_ROUNDS} of the script, each after one that is not counted.",
            "Besides: " + ", ".join(f"{name} {value}" for name, value in facts.items()) + ".",
        ),
        seconds=time.perf_counter() - began,
        facts=facts,
    )
    print(report.table(), flush=True)
    report.write()
    return report


if __name__ == "__main__":
    main()
