"""One zip with everything that somebody else needs to help with a failed job, without secrets."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict

import yaml

from services.deploying.model import Document, Evidence, Job
from services.deploying.redacting import redacted_text, redacted_value, secrets_in

_EPOCH = (2020, 1, 1, 0, 0, 0)
"""The time of every file in the zip: the same job gives the same bytes."""
_READ_ME = """What Sluice knows of a job that failed.

summary.txt          what was done, what failed, and the likely causes with their proofs
job.json             the same for programs, with the phases and their times
azure.txt            Azure's code and message
container.log        the log of the inference server's container
storage.log          the log of the storage-initializer, which downloads model and code
documents/           the YAML documents that were applied

Values that look like keys, tokens or passwords are replaced by ***. What cannot be told from its name or shape is not
found: read the files before you send them to somebody.
"""


def make(job: Job, evidence: Evidence, documents: Sequence[Document] = ()) -> bytes:
    """The bundle of a job, as the bytes of a zip file. The same job gives the same bytes."""
    secrets = frozenset().union(*(secrets_in(document.content) for document in documents))

    def text(words: str) -> str:
        return redacted_text(words, secrets)

    no_log = "Azure gave no log of this container.\n"
    files = {
        "README.txt": _READ_ME,
        "summary.txt": text(_summary(job)),
        "job.json": json.dumps(redacted_value(_of_the_job(job), secrets), indent=2, ensure_ascii=False) + "\n",
        "azure.txt": text(f"{evidence.code or 'no code'}\n{evidence.message or 'no message'}\n"),
        "container.log": text(evidence.log or no_log),
        "storage.log": text(evidence.storage_log or no_log),
    }
    for number, document in enumerate(documents, 1):
        content = redacted_value(_plain(document.content), secrets)
        files[f"documents/{number}-{document.kind}.yml"] = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as bundle:
        for name, written in files.items():
            bundle.writestr(zipfile.ZipInfo(name, _EPOCH), written, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def _summary(job: Job) -> str:
    where = f"{job.endpoint}/{job.deployment}" if job.deployment else job.endpoint
    lines = [
        job.title,
        f"{job.action} of {where}: {job.state}",
        f"Began {_time(job.began_at)}, ended {_time(job.ended_at)}",
    ]
    lines += [f"Request id: {job.request_id}"] if job.request_id else []
    if job.failure:
        lines += ["", *job.failure]
    lines += ["", "Phases:"]
    lines += [
        f"  {step.resource}  {step.phase}  {_time(step.began_at)} to {_time(step.ended_at)}  {step.detail}".rstrip()
        for step in job.steps
    ]
    for number, cause in enumerate(job.causes, 1):
        proof = [f"   Proof ({cause.source}): {cause.proof}"] if cause.proof else []
        lines += ["", f"{number}. {cause.cause} [{cause.code}]", *proof, f"   Fix: {cause.fix}"]
    return "\n".join(lines) + "\n"


def _of_the_job(job: Job) -> object:
    return _plain({name: value for name, value in asdict(job).items() if name != "person"})


def _time(moment: object) -> str:
    return str(moment) if moment else "not said"


def _plain(value: object) -> object:
    """Values of JSON's own kinds; a time becomes its text."""
    return json.loads(json.dumps(value, default=str))
