"""What one server process shares between all its visitors: the connection, the applier, the local Azure.

Everything drawn from a connection is cached under its ``generation``, which grows when the process moves to another
cloud: the Connect page can start the local Azure while Sluice runs.
"""

from __future__ import annotations

import importlib
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from services.azure import connection as azure_connection
from services.azure.connection import Connection
from services.deploying.model import Job
from services.errors import NotConfigured, SluiceError
from services.fleet.fleet import Fleet
from services.jobs.jobs import Jobs
from services.journal.journal import Journal
from services.limits import Limits
from services.local_azure import LocalAzure
from services.logs.queries import Queries
from services.model import WorkspaceRef
from services.payloads.consent import Consent
from services.payloads.history import History
from services.payloads.library import Library
from services.quota.prices import Prices
from services.results import Results
from services.settings import Settings, export_env_file
from services.store import Store
from services.test_log import TestLog
from services.traffic.applier import Applier
from services.traffic.watcher import Watcher

if TYPE_CHECKING:
    from services.jobs.worker import Worker
    from services.shadow.keeper import Keeper

try:
    import pwd
except ModuleNotFoundError:  # Windows
    pwd = None  # type: ignore[assignment]  # a module elsewhere

ROOT = Path(__file__).resolve().parent.parent
WATCHER_RETRY_SECONDS, WATCHER_BROKEN_SECONDS = 5.0, 300.0
_log = logging.getLogger("sluice.ui")


@dataclass
class Start:
    """A start of the local Azure in the background. ``error`` is set when it failed, ``done`` when it ended."""

    began_at: float
    done: threading.Event = field(default_factory=threading.Event)
    error: SluiceError | None = None


@dataclass
class _Process:
    lock: threading.RLock
    generation: int = 0
    settings: Settings | None = None
    connection: Connection | None = None
    store: Store | None = None
    journal: Journal | None = None
    applier: Applier | None = None
    fleet: Fleet | None = None
    watcher: Watcher | None = None
    keeper: Keeper | None = None
    worker: Worker | None = None
    local: LocalAzure | None = None
    start: Start | None = None
    is_ending: threading.Event = field(default_factory=threading.Event)


@st.cache_resource(show_spinner=False)
def _process() -> _Process:
    export_env_file(ROOT)
    return _Process(threading.RLock())


def settings() -> Settings:
    """The settings of this process. Raises NotConfigured when they contradict themselves."""
    process = _process()
    with process.lock:
        if process.settings is None:
            process.settings = Settings.read(os.environ, ROOT)
        return process.settings


def settings_problem() -> SluiceError | None:
    """What is wrong with the settings, None when they can be used."""
    try:
        settings()
    except SluiceError as error:
        return error
    return None


def is_configured() -> bool:
    """Whether there is a workspace to work on. Half a configuration is none; the Connect page says what is wrong."""
    return settings_problem() is None and settings().is_configured


def connection() -> Connection:
    """The connection of this process, made on first use. Raises NotConfigured."""
    process = _process()
    with process.lock:
        if process.connection is None:
            process.connection = azure_connection.connect(settings())
        return process.connection


def store() -> Store:
    """What this process keeps on disk. Raises StoreFailed."""
    process = _process()
    with process.lock:
        if process.store is None:
            folder = settings().data_dir
            process.store = Store((folder if folder.is_absolute() else ROOT / folder) / "sluice.db")
        return process.store


def journal() -> Journal:
    """The journal of the connection's cloud. Raises NotConfigured, Unreachable, StoreFailed."""
    process = _process()
    connection().arm_host  # noqa: B018 - may ask the cloud, which nobody who wants the lock should wait for
    with process.lock:
        if process.journal is None:
            process.journal = Journal(store(), connection().arm_host)
        return process.journal


def test_log() -> TestLog:
    """The last test requests to the deployments of the connection's cloud. Raises NotConfigured, Unreachable,
    StoreFailed."""
    return TestLog(store(), connection().arm_host)


def results() -> Results:
    """The finished runs on the connection's cloud. Raises NotConfigured, Unreachable, StoreFailed."""
    return Results(store(), connection().arm_host)


def limits() -> Limits:
    """The limits of the endpoints of the connection's cloud. Raises NotConfigured, Unreachable, StoreFailed."""
    return Limits(store(), connection().arm_host)


def prices() -> Prices:
    """What instances cost on the connection's cloud. Raises NotConfigured, Unreachable, StoreFailed."""
    return Prices(store(), connection().arm_host)


def library() -> Library:
    """The saved payloads of the connection's cloud. Raises NotConfigured, Unreachable, StoreFailed."""
    return Library(store(), connection().arm_host)


def history() -> History:
    """What was sent to the connection's cloud. Raises NotConfigured, Unreachable, StoreFailed."""
    return History(store(), connection().arm_host)


def queries() -> Queries:
    """The saved queries of the connection's cloud. Raises NotConfigured, Unreachable, StoreFailed."""
    return Queries(store(), connection().arm_host)


def consent() -> Consent:
    """Who allows that bodies are kept. Raises NotConfigured, StoreFailed."""
    return Consent(store())


def person() -> str:
    """The user of this machine that Sluice runs as, "" when the machine does not say: there is no sign-in yet.

    As the system knows it: ``USER`` and its like say what anybody has set them to.
    """
    if pwd is None:
        return os.environ.get("USERNAME", "")
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""


def applier() -> Applier:
    """The one that applies splits in this process. Raises NotConfigured, Unreachable, StoreFailed."""
    process = _process()
    journal()
    with process.lock:
        if process.applier is None:
            process.applier = Applier(journal())
        return process.applier


def fleet() -> Fleet:
    """What reads many workspaces behind the scenes, for everybody who looks. Raises NotConfigured."""
    process = _process()
    with process.lock:
        if process.fleet is None:
            process.fleet = Fleet(connection())
        return process.fleet


def forget_fleet() -> None:
    """Read the fleet again when it is looked at next."""
    process = _process()
    with process.lock:
        if process.fleet is not None:
            process.fleet.forget()


def watcher() -> Watcher:
    """What looks for changes made elsewhere, started. Raises NotConfigured, Unreachable, StoreFailed."""
    process = _process()
    journal()
    with process.lock:
        if process.watcher is None:
            process.watcher = Watcher(
                connection(), journal(), every_seconds=settings().watch_seconds, recover=applier().recover
            )
            process.watcher.start()
        return process.watcher


def shadow() -> Keeper:
    """What looks after the shadow tests, started. Raises NotConfigured, Unreachable, StoreFailed."""
    # scipy and pandas are behind it, and take seconds to load: nobody who starts Sluice should wait for them.
    from services.shadow.keeper import Keeper
    from services.shadow.runs import Runs

    process = _process()
    journal()
    with process.lock:
        if process.keeper is None:
            runs = Runs(store(), connection().arm_host)
            process.keeper = Keeper(connection(), runs, journal(), applier(), results=results())
            process.keeper.start()
        return process.keeper


def jobs() -> Jobs:
    """The kept jobs of the connection's cloud. Raises NotConfigured, Unreachable, StoreFailed."""
    return Jobs(store(), connection().arm_host)


def worker() -> Worker:
    """What does the jobs, started. Raises NotConfigured, Unreachable, StoreFailed."""
    from services.jobs.worker import Worker

    process = _process()
    made = jobs()
    with process.lock:
        if process.worker is None:
            process.worker = Worker(connection(), made, ended=_job_ended)
            process.worker.start()
        return process.worker


def _job_ended(_job: Job) -> None:
    # The readers are drawn from this module.
    from ui import readers

    readers.forget_resources()


def watch(workspace: WorkspaceRef) -> None:
    """Look for changes in ``workspace`` too from now on, if this process looks for any."""
    found = _process().watcher
    if found is not None:
        found.watch(workspace)


def keep_watching() -> None:
    """Watch, and look after shadow tests, for the life of the process: as soon as there is a cloud that answers, and
    again on another one."""
    threading.Thread(target=_keep_watching, args=(_process(),), name="keep-watching", daemon=True).start()


def _keep_watching(process: _Process) -> None:
    told = ""
    while not process.is_ending.is_set():
        try:
            watcher()
            shadow()
            worker()
        except NotConfigured:
            pass
        except SluiceError as error:
            if str(error) != told:
                told = str(error)
                _log.warning("Changes made elsewhere are not looked for yet: %s", error)
        except Exception:
            _log.exception("The watch over changes made elsewhere could not be started")
            process.is_ending.wait(WATCHER_BROKEN_SECONDS)
        process.is_ending.wait(WATCHER_RETRY_SECONDS)


def generation() -> int:
    """Grows with every change of the connection; part of every cache key."""
    return _process().generation


def local_azure() -> LocalAzure:
    """The local Azure on the configured state folder, running or not."""
    process = _process()
    with process.lock:
        if process.local is None:
            folder = settings().local_azure_dir
            process.local = LocalAzure(folder if folder.is_absolute() else ROOT / folder)
        return process.local


def local_start() -> Start | None:
    """The start of the local Azure that this process has begun, None when it has not."""
    return _process().start


def start_local_azure() -> Start:
    """Start the local Azure with its samples in the background, and move this process over to it."""
    process = _process()
    with process.lock:
        if process.start is not None and process.start.error is None:
            return process.start
        process.start = start = Start(began_at=time.monotonic())
        threading.Thread(target=_start, args=(process, local_azure(), start), name="local-azure", daemon=True).start()
        return start


def _start(process: _Process, local: LocalAzure, start: Start) -> None:
    try:
        local.start()
        # azure-identity and requests read these from the environment of the process and from nowhere else.
        os.environ.update(local.environment())
        local.start_samples()
        with process.lock:
            if process.fleet is not None:
                process.fleet.close()
            if process.watcher is not None:
                process.watcher.stop(0.0)
            if process.keeper is not None:
                process.keeper.stop(0.0)
            if process.worker is not None:
                process.worker.stop(0.0)
            if process.applier is not None:
                process.applier.stop(0.0)
            process.settings = process.connection = process.journal = process.applier = process.fleet = None
            process.watcher = process.keeper = process.worker = None
            process.generation += 1
    except SluiceError as error:
        start.error = error
    except OSError as error:
        _log.exception("The local Azure did not start")
        start.error = SluiceError(
            "The local Azure did not start.", f"{error}.", "Check that its state folder can be written, then try again."
        )
    finally:
        start.done.set()


def stop() -> None:
    """Stop what this process has started. Called once, when the server ends."""
    process = _process()
    process.is_ending.set()
    if process.watcher is not None:
        process.watcher.stop()
    if process.keeper is not None:
        process.keeper.stop()
    if process.worker is not None:
        process.worker.stop()
    if process.applier is not None:
        process.applier.stop()
    if process.fleet is not None:
        process.fleet.close()
    if process.store is not None:
        process.store.close()
    if process.local is not None:
        process.local.stop()


def warm_up() -> Sequence[Callable[[], object]]:
    """What to load before the first visitor comes: the Azure packages and scipy behind the services, and the charts."""
    return (
        lambda: importlib.import_module("services.azure.endpoints"),
        lambda: importlib.import_module("services.metrics"),
        lambda: importlib.import_module("services.traffic.arrival"),
        lambda: importlib.import_module("ui.charts").warm_up(),
    )
