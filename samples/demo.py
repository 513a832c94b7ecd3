"""Fill a local Azure with the two sample endpoints, a few hours of history, and a stream of requests that goes on.

    python samples/demo.py [--state DIR] [--once] [--no-traffic] [--rate PER_SECOND] [--history-minutes MINUTES]

It deploys the YAML files beside it with azure-ai-ml and a DefaultAzureCredential, as any script would. A second start
finds what exists, deploys only what is missing, leaves every split as it is and makes no second history. It refuses to
work on anything but a local Azure on this machine.

The history is made of requests that were really scored, one at a time, while this program ran. Their answers and
latencies are what was measured; only the times, the split of the time and the creation dates are assigned afterwards.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from demo_parts.local_azure import Control, Refused, Unavailable, check_loopback, cloud_name, read_environment
from demo_parts.pace import Phase, dated, plan
from demo_parts.payloads import Payloads

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Sample:
    """One sample endpoint: its folder, its share of all requests, who asks, its past, and when each deployment came."""

    folder: Path
    share: float
    clients: tuple[str, ...]
    phases: tuple[Phase, ...]
    deployments: Mapping[str, float]


DIGITS = Sample(
    folder=HERE,
    share=0.65,
    clients=("mailroom-scanner/2.4", "form-reader/1.1", "python-requests/2.32"),
    # Green was given a quarter of the requests, was taken back, and is now compared on copies.
    phases=(
        Phase(0.0, {"blue": 100}),
        Phase(0.45, {"blue": 75, "green": 25}),
        Phase(0.65, {"blue": 100}, {"green": 20}),
    ),
    deployments={"blue": 0.0, "green": 0.4},
)
WINES = Sample(
    folder=HERE / "wine",
    share=0.35,
    clients=("cellar-app/3.0", "lab-bench/0.9"),
    phases=(Phase(0.0, {"linear": 100}), Phase(0.55, {"linear": 80, "bayes": 20})),
    deployments={"linear": 0.0, "bayes": 0.5, "forest": 0.9},
)
SAMPLES = (DIGITS, WINES)
LEAD_SECONDS = 180.0
"""How long before its first possible request a resource is said to have been created."""


@dataclass(frozen=True)
class Deployed:
    """A sample that is deployed: ARM id → the share of the history at which it came, and whether it has no past yet."""

    sample: Sample
    name: str
    ids: Mapping[str, float]
    is_new: bool


class Progress:
    """Prints one line per step, and keeps the newest in a file when there is a state folder."""

    def __init__(self, state: Path | None) -> None:
        self._file = state / "demo-progress.txt" if state else None
        self._started = time.monotonic()

    def __call__(self, text: str) -> None:
        """Report a step."""
        line = f"[{time.monotonic() - self._started:5.1f} s] {text}"
        print(line, flush=True)
        if self._file:
            fresh = self._file.with_suffix(".tmp")
            fresh.write_text(line + "\n")
            fresh.replace(self._file)


def main(arguments: list[str]) -> int:
    """Run the demo and return its exit code: 0 done, 1 the local Azure failed, 2 refused."""
    options = parse(arguments)
    try:
        if options.state:
            os.environ.update(read_environment(options.state / "azure.env"))
        check_loopback(os.environ)
        with alone(options.state) as is_alone:
            if is_alone:
                return run(options, Progress(options.state))
        print(f"Another demo is at work on {options.state}.")
        return 0
    except Refused as error:
        print(error, file=sys.stderr)
        return 2
    except Unavailable as error:
        print(error, file=sys.stderr)
        return 1


@contextlib.contextmanager
def alone(state: Path | None) -> Iterator[bool]:
    """Hold the state folder's lock: a demo that outlived its starter must not be doubled. Yields whether it is ours."""
    if not state:
        yield True
        return
    with (state / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--state", type=Path, help="state folder of the local Azure; without it the environment is used"
    )
    parser.add_argument("--once", action="store_true", help="deploy, make the history, and exit")
    parser.add_argument("--no-traffic", action="store_true", help="deploy only: no history, no stream")
    parser.add_argument("--rate", type=float, default=1.2, help="requests per second to both endpoints (default 1.2)")
    parser.add_argument("--history-minutes", type=float, default=180.0, help="length of the history (default 180)")
    options = parser.parse_args(arguments)
    if not 0 < options.rate <= 50:
        parser.error("--rate must be above 0 and at most 50")
    if not 0 <= options.history_minutes <= 1440:
        parser.error("--history-minutes must be from 0 to 1440")
    return options


def run(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Deploy, make the history and keep the stream going until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    say("looking for the local Azure …")
    cloud = cloud_name(os.environ["ARM_CLOUD_METADATA_URL"])
    say("loading azure-ai-ml …")
    # A slow import (a second or more), and not needed to refuse.
    from azure.core.exceptions import AzureError
    from demo_parts.deploy import connect

    client = connect(os.environ, cloud)
    control = Control(os.environ["EMULATOR_CONTROL_URL"], os.environ["EMULATOR_CONTROL_SECRET"])
    try:
        found = [deploy(client, sample, control, say) for sample in SAMPLES]
        for each in found:
            if each.is_new and options.history_minutes and not options.no_traffic:
                make_history(client, each, options, control, say)
    except AzureError as error:
        raise Unavailable(f"The local Azure refused: {error.message}") from error
    if options.once or options.no_traffic:
        say("done")
        return 0
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    say(f"sending about {options.rate:g} requests per second")
    stream(client, found, options, stop)
    return 0


def deploy(client: Any, sample: Sample, control: Control, say: Callable[[str], None]) -> Deployed:
    """Make sure that one endpoint, its deployments and its first split exist."""
    from demo_parts.deploy import deploy_deployment, deploy_endpoint, set_split

    endpoint = deploy_endpoint(client, sample.folder / "endpoint.yml", say)
    is_new = not control.has_rows(endpoint.name)
    ids = {endpoint.id: 0.0}
    for name, came in sample.deployments.items():
        ids[deploy_deployment(client, sample.folder / f"{name}-deployment.yml", say).id] = came
    if is_new:
        now = sample.phases[-1]
        set_split(client, endpoint.name, now.live, now.mirror)
    return Deployed(sample, endpoint.name, ids, is_new)


def make_history(
    client: Any, deployed: Deployed, options: argparse.Namespace, control: Control, say: Callable[[str], None]
) -> None:
    """Score what the endpoint would have been asked, and store it with times that end now."""
    from demo_parts import history

    name, sample, seconds = deployed.name, deployed.sample, options.history_minutes * 60
    random = Random(name)
    planned = plan(sample.phases, seconds, options.rate * sample.share, time.time(), random)
    uri = client.online_endpoints.get(name).scoring_uri
    key = client.online_endpoints.get_keys(name).primary_key
    payloads = Payloads(sample.folder, sample.clients)
    rows = history.score(planned, payloads, uri, key, control.secret, random, lambda text: say(f"{name}: {text}"))
    starts_at = time.time() - seconds
    created = {id_: starts_at + came * seconds - LEAD_SECONDS for id_, came in deployed.ids.items()}
    history.post(control, dated(rows, planned, starts_at), created)
    say(f"{name}: {len(rows)} requests are its history of {options.history_minutes:g} minutes")


def stream(client: Any, found: Sequence[Deployed], options: argparse.Namespace, stop: threading.Event) -> None:
    """Send requests to every sample endpoint until ``stop``; start afresh when the local Azure has moved."""
    from demo_parts.stream import Stream

    file = options.state / "azure.env" if options.state else None
    before = file.read_text() if file else ""
    moved = threading.Event()

    def look() -> None:
        if file and file.is_file() and file.read_text() != before:
            moved.set()
            stop.set()

    for each in found:
        payloads = Payloads(each.sample.folder, each.sample.clients)
        Stream(client, each.name, payloads, options.rate * each.sample.share, stop, time.time, look).start()
    stop.wait()
    if moved.is_set():
        # azure-ai-ml keeps the address of a cloud for the life of the process.
        os.execv(sys.executable, [sys.executable, *sys.argv])


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Python takes two seconds to take the modules of azure-ai-ml apart, and nothing is left to save.
    os._exit(code)
