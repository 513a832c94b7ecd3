"""What does one request of the console cost over a bare client?

All ask a bare server that answers at once, over TLS and one after the other in alternating rounds: the console's own
``send``, a libcurl handle with nothing around it, and a session of requests. The console adds its checks, the kept key,
the limits, stopping, and the parts of the time. Once over a connection that is kept, and once over a new one each time.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pycurl
import requests

from benchmarks.control import bare_server
from benchmarks.report import Cell, Report, middle, percentile
from services.azure.connection import connect
from services.azure.endpoints import get_endpoint, keys
from services.scoring.request import ScoringRequest
from services.scoring.sending import send
from services.scoring.transport import forget_connections
from services.settings import Settings
from tests.local_azure import LocalAzure

ROUNDS = 9
CASES = (("kept", 1_000, 200), ("new", 1_000, 40), ("kept", 1_000_000, 20))
"""What becomes of the connection, bytes of the body, and requests in a round."""
BARE, SESSION, CONSOLE = "bare libcurl handle", "session of requests", "console"
NAME = "bench-console"
Ask = Callable[[], int]


@dataclass(frozen=True)
class Clients:
    """The ways to ask the same server. Each sends one request and returns its status."""

    url: str
    bundle: str
    key: str
    console: Callable[[ScoringRequest], int]

    @contextlib.contextmanager
    def ways(self, body: bytes, connection: str) -> Iterator[dict[str, Ask]]:
        """Every way to send ``body``, over a ``kept`` or a ``new`` connection."""
        handle, session = pycurl.Curl(), requests.Session()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = ScoringRequest(body)
        is_new = connection == "new"

        def bare() -> int:
            handle.setopt(pycurl.FRESH_CONNECT, int(is_new))
            handle.setopt(pycurl.FORBID_REUSE, int(is_new))
            handle.perform()
            return int(handle.getinfo(pycurl.RESPONSE_CODE))

        def by_session() -> int:
            if is_new:
                session.close()
            return session.post(self.url, body, headers=headers, verify=self.bundle, timeout=60).status_code

        def console() -> int:
            if is_new:
                forget_connections()
            return self.console(request)

        for option, value in (
            (pycurl.URL, self.url),
            (pycurl.CAINFO, self.bundle),
            (pycurl.HTTPHEADER, [*(f"{name}: {value}" for name, value in headers.items()), "Expect:"]),
            (pycurl.POST, 1),
            (pycurl.POSTFIELDS, body),
            (pycurl.WRITEFUNCTION, len),
        ):
            handle.setopt(option, value)
        try:
            yield {BARE: bare, SESSION: by_session, CONSOLE: console}
        finally:
            handle.close()
            session.close()


@dataclass
class Taken:
    """Medians of the rounds, in milliseconds on the clock and of this thread's processor time."""

    p50s: list[float] = field(default_factory=list)
    p99s: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def run(self, ask: Ask, count: int) -> None:
        """One round. Raises RuntimeError when an answer is not 200."""
        taken, before = [], time.thread_time()
        for _ in range(count):
            began = time.perf_counter()
            status = ask()
            taken.append((time.perf_counter() - began) * 1000)
            if status != 200:
                raise RuntimeError(f"the bare server answered {status}")
        self.processor.append((time.thread_time() - before) * 1000 / count)
        self.p50s.append(percentile(taken, 50))
        self.p99s.append(percentile(taken, 99))


def measure(clients: Clients) -> list[dict[str, Cell]]:
    """A row for each connection, body and way; the bare client's first."""
    rows: list[dict[str, Cell]] = []
    for connection, size, count in CASES:
        with clients.ways(b"1" * size, connection) as ways:
            taken = {name: Taken() for name in ways}
            for ask in ways.values():
                ask()
            for _ in range(ROUNDS):
                for name, ask in ways.items():
                    taken[name].run(ask, count)
        bare = middle(taken[BARE].p50s)
        rows += [
            {
                "client": name,
                "connection": connection,
                "body": f"{size // 1000:,} kB",
                "p50 ms": round(middle(each.p50s), 3),
                "p99 ms": round(middle(each.p99s), 3),
                "over bare ms": round(middle(each.p50s) - bare, 3),
                "CPU ms": round(middle(each.processor), 3),
            }
            for name, each in taken.items()
        ]
    return rows


@contextlib.contextmanager
def stage() -> Iterator[Clients]:
    """A local Azure for the endpoint and its key, and the bare server in the place of its scoring address."""
    kept = dict(os.environ)
    with TemporaryDirectory(prefix="bench-") as name, LocalAzure(Path(name) / "state") as azure:
        os.environ.update(azure.environment)
        try:
            azure.control("POST", "seed", {"endpoints": [{"name": NAME, "deployments": ["blue"]}]}).raise_for_status()
            conn = connect(Settings.read(azure.environment, Path(name)))
            with bare_server(b'{"d": "blue"}', azure, Path(name)) as (_, port):
                url = f"https://localhost:{port}/"
                endpoint = replace(get_endpoint(conn, NAME), scoring_uri=url)
                key = keys(conn, NAME)[0]
                yield Clients(url, azure.bundle, key, lambda request: send(conn, endpoint, request).status)
        finally:
            forget_connections()
            os.environ.clear()
            os.environ.update(kept)


def main() -> Report:
    """Measure, print and write."""
    began = time.perf_counter()
    with stage() as clients:
        rows = measure(clients)
    ours = next(row for row in rows if row["client"] == CONSOLE)
    session = next(row for row in rows if row["client"] == SESSION)
    report = Report(
        name="console",
        question="One request of the console beside bare clients, to a server that answers at once.",
        rows=rows,
        verdict=(
            f"The console adds {float(ours['over bare ms']):.2f} ms to a bare handle's request of 1 kB; "
            f"a session of requests adds {float(session['over bare ms']):.2f} ms."
        ),
        notes=(
            f"Medians of {ROUNDS} alternating rounds of {', '.join(str(count) for *_, count in CASES)} requests for",
            "the three groups. A new connection of the console reads the certificates again, that of the bare",
            "handle does not. CPU is that of the thread that asks.",
        ),
        seconds=time.perf_counter() - began,
    )
    print(report.table(), flush=True)
    report.write()
    return report


if __name__ == "__main__":
    main()
