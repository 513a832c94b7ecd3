"""What the log of a deployment's container shows: exceptions, and what others than the script say in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from services.deploying.exception_causes import cause_of, quoted_cause
from services.deploying.log_exceptions import START, exceptions
from services.deploying.signs import Found, bare, search, sign

_STARTED = "init has completed successfully"
"""The inference server after init(); in its own spelling, "Users's init has completed successfully"."""
_BEGAN = "Invoking user's init function"
_TREE = "Model Directory Contents:"
_BRANCH = re.compile(r"(?P<indent> *)(?P<name>\S[^:]*)")
_SHOWN_FILES = 5
_OLD_NEWS = 40
"""How much less certain something is that was logged before the script started well."""

_SIGNS = (
    sign(
        "no-server",
        r"required package azureml-inference-server-http is missing|No module named '?azureml_inference_server_http"
        r"|(?:gunicorn|azmlinfsrv|runsvdir): (?:command )?not found",
        "The environment does not have Microsoft's inference server.",
        "Add azureml-inference-server-http to the pip packages of the conda file.",
        97,
    ),
    sign(
        "image-platform",
        r"exec format error",
        "The image was built for another kind of processor.",
        "Build it for linux/amd64: docker build --platform linux/amd64.",
        96,
    ),
    sign(
        "worker-timeout",
        r"WORKER TIMEOUT \(pid|worker timed out, killing",
        "A worker was ended because it took longer than the inference server allows; init() counts too.",
        "Make it faster, or raise the limit with the variable WORKER_TIMEOUT (seconds; 300 if it is not set).",
        92,
    ),
    sign(
        "gpu-memory",
        r"CUDA out of memory|CUDA error: out of memory",
        "The model does not fit into the memory of the GPU.",
        "Choose an instance type with a larger GPU, or load the model in a smaller precision.",
        91,
    ),
    sign(
        "out-of-memory",
        r"SIGKILL! Perhaps out of memory|terminated due to signal 9|OOMKilled|oom-kill|Out of memory: Kill"
        r"|exit(?:ed with)?(?: code| status)? 137|^Killed$|MemoryError$|std::bad_alloc",
        "The container was killed, most likely because it used more memory than the instance has.",
        "Choose an instance type with more memory, or lower WORKER_COUNT: each worker loads the model for itself.",
        91,
    ),
    sign(
        "disk-full",
        r"No space left on device|Disk quota exceeded",
        "The disk of the instance is full.",
        "Choose an instance type with a larger disk, or make the model and the image smaller.",
        91,
    ),
    sign(
        "port-taken",
        r"Connection in use: |Address already in use",
        "The port of the inference server is taken by something else in the container.",
        "Leave that port alone, or move the inference server with the variable SERVER_PORT.",
        90,
    ),
    sign(
        "crash",
        r"Segmentation fault|terminated due to signal 11|sent SIGSEGV|Illegal instruction|was sent code 1(?:32|34|39)",
        "A library with compiled code crashed the process.",
        "Look for packages of the environment that do not fit the image or each other, and pin older versions.",
        89,
    ),
    sign(
        "init-exit",
        r"Worker \(pid:\d+\) exited with code (?!0\b)(?P<code>\d+)|Reason: Worker failed to boot",
        "The process of the scoring script ended while it started, without an error in the log.",
        "Look for sys.exit() or os._exit() in the script and in what it imports.",
        58,
    ),
    sign(
        "pip-failed",
        r"CondaEnvException: Pip failed|Pip subprocess error|ERROR: Package '[^']+' requires a different Python",
        "A package of the conda file could not be installed when the container started.",
        "Create the environment on your machine with conda env create, and correct what it says.",
        90,
    ),
    sign(
        "probe-path",
        r"(?P<kind>Liveness|Readiness) probe failed: HTTP probe failed with statuscode: (?P<status>4\d\d)",
        "The container answers the {kind} probe with {status}: it has no such path, or wants a sign-in there.",
        "Set the path of the probe's route in inference_config to one that answers 200.",
        80,
    ),
    sign(
        "probe-port",
        r"(?P<kind>Liveness|Readiness) probe failed: .*(?:connection refused|dial tcp)",
        "Nothing listens on the port that the {kind} probe asks.",
        "Let the container listen on 0.0.0.0 at the port of inference_config, or correct the port there.",
        80,
    ),
    sign(
        "probe",
        r"(?P<kind>Liveness|Readiness) probe failed(?:: (?P<said>.*))?",
        "The {kind} probe gave up before the container answered well.",
        "If the script needs longer to start, raise initial_delay and failure_threshold of the probe (liveness_probe,"
        " readiness_probe); a larger instance type starts faster.",
        70,
    ),
)


def causes_in(log: str, source: str) -> tuple[Found, ...]:
    """What a container's log shows, in its order. ``source`` names the log for a person."""
    lines = log.splitlines()
    started = max((number for number, line in enumerate(lines, 1) if _STARTED in line), default=0)
    raised = exceptions(lines)
    found = [cause_of(each, source) for each in raised]
    if not raised:
        found = _lone(lines, source)
    named = {each.line for each in found}
    found += [each for each in search(_SIGNS, lines, source) if each.line not in named]
    ordered = sorted(found, key=lambda each: each.line)
    return tuple(_aged(_compared(_slow(each, lines), lines), started) for each in ordered)


def probes_in(message: str, source: str) -> tuple[Found, ...]:
    """What the same table finds in a message of Azure's."""
    return tuple(search(_SIGNS, message.splitlines(), source))


def _compared(found: Found, lines: Sequence[str]) -> Found:
    """A wrong path to the model, with what the model's folder holds: the server lists it after a failed init()."""
    held = _held(lines[found.line :]) if found.cause.code == "model-path" else ()
    if not held:
        return found
    more = f" and {len(held) - _SHOWN_FILES} more" if len(held) > _SHOWN_FILES else ""
    fix = f"AZUREML_MODEL_DIR holds {', '.join(held[:_SHOWN_FILES])}{more}. Join it with one of these, as they are."
    return replace(found, cause=replace(found.cause, fix=fix))


def _held(lines: Sequence[str]) -> tuple[str, ...]:
    """The files of the tree that the server logs, by their paths below the model's folder."""
    begin = next((number for number, line in enumerate(lines) if _TREE in line), None)
    folders: list[str] = []
    files = []
    for line in lines[begin + 1 :] if begin is not None else ():
        found = _BRANCH.fullmatch(bare(line))
        depth = len(found["indent"]) // 4 if found else 0
        if not found or depth > len(folders) or (depth == 0 and folders):
            break
        folders = folders[:depth]
        if found["name"].endswith("/"):
            folders.append(found["name"])
        else:
            # The first folder is the model's own: the version.
            files.append("".join([*folders[1:], found["name"]]))
    return tuple(files)


def _lone(lines: Sequence[str], source: str) -> list[Found]:
    """Errors without a traceback: its beginning is lost, or the container prints none."""
    before = takewhile(lambda line: START not in line[1], enumerate(lines, 1))
    read = (quoted_cause(bare(line), source, number) for number, line in before if "Error" in line)
    return [replace(each, certainty=each.certainty - 5) for each in read if each]


def _aged(found: Found, started: int) -> Found:
    """What was logged before the script started well is no reason for a failed start."""
    if not 0 < found.line < started or found.cause.code.startswith("probe"):
        return found
    return replace(found, certainty=found.certainty - _OLD_NEWS)


def _slow(found: Found, lines: Sequence[str]) -> Found:
    """A probe that gave up while init() still ran."""
    if found.cause.code != "probe":
        return found
    began = max((number for number, line in enumerate(lines) if _BEGAN in line), default=-1)
    if began < 0 or any(_STARTED in line for line in lines[began:]):
        return found
    sentence = f"{found.cause.cause.removesuffix('.')}: init() had begun and was not done."
    return replace(found, cause=replace(found.cause, cause=sentence), certainty=found.certainty + 2)
