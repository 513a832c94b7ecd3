"""What is known of a failure, gathered while it can still be had, without secrets."""

from __future__ import annotations

from pathlib import Path

from services.azure import endpoints
from services.azure.translation import without_secrets
from services.deploying import documents
from services.deploying.diagnosis import diagnose
from services.deploying.model import Cause, Evidence, Kind
from services.deploying.order import Item
from services.errors import SluiceError
from services.jobs.work import Work
from services.resources.masking import looks_secret

LINES = 400
"""Of each container's log. The last ones have the error, the head the instance's status."""


def gather(
    work: Work, item: Item, error: SluiceError, *, code: str, message: str
) -> tuple[Evidence, tuple[Cause, ...]]:
    """The evidence of a failed document, and its causes, the most likely first."""
    secrets = _secrets(Path(work.values.get("folder", "")), item)
    phases = [step.phase for step in work.kept.job.steps if step.resource == item.resource]
    log = storage_log = ""
    if item.kind is Kind.DEPLOYMENT and work.values.get("sending"):
        log = _log(work, item, "InferenceServer", secrets)
        storage_log = _log(work, item, "StorageInitializer", secrets)
    told = _plain(message or error.why, secrets)
    evidence = Evidence(code, told, log, storage_log, phases[-1] if phases else None)
    return evidence, diagnose(evidence)


def _log(work: Work, item: Item, container: str, secrets: list[str]) -> str:
    try:
        return _plain(endpoints.logs(work.conn, item.endpoint, item.name, LINES, container), secrets)
    except SluiceError:
        return ""


def _secrets(folder: Path, item: Item) -> list[str]:
    """Values of the document's environment variables that nobody else should read."""
    found, _ = documents.find(folder, (item.file,))
    values = [each.content.get("environment_variables") for each in found]
    named = [(str(name), value) for each in values if isinstance(each, dict) for name, value in each.items()]
    return [str(value) for name, value in named if looks_secret(name, value) and len(str(value)) > 3]


def _plain(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "…")
    return without_secrets(text)
