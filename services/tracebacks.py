"""Find what a scoring script itself said in the log of Microsoft's inference server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_START = "Traceback (most recent call last)"
_WRAPPER = "UserScriptException"
"""The inference server wraps what the script raised; the wrapper comes last in the log and says nothing."""
_FRAME = re.compile(r'\s+File "(?P<path>.+)", line (?P<line>\d+), in (?P<function>.+)')
_CODE_FOLDER = re.compile(r".*/azureml-app/")
"""Where Azure puts the deployment's code in the container."""


def newest_error(log: str) -> str | None:
    """The script's own frames and the exception line of the newest failure in ``log``; None when there is none.

    Frames of the server and of libraries are left out, unless there are no others; then the last one stays.
    """
    for block in reversed(list(_tracebacks(log.splitlines()))):
        if _WRAPPER not in block[-1]:
            return _readable(block)
    return None


def _tracebacks(lines: Sequence[str]) -> Iterator[list[str]]:
    """Each traceback: the lines of its frames, and the exception line as its last."""
    block: list[str] | None = None
    for line in lines:
        if _START in line:
            block = []
        elif block is not None and line.strip():
            block.append(line.rstrip())
            if not line[0].isspace():
                yield block
                block = None


def _readable(block: Sequence[str]) -> str:
    frames: list[tuple[str, list[str]]] = []
    for line in block[:-1]:
        found = _FRAME.fullmatch(line)
        if found:
            frames.append((found["path"], [line.strip()]))
        elif frames and line.strip(" ^~"):
            frames[-1][1].append("  " + line.strip())
    own = [frame for frame in frames if _CODE_FOLDER.match(frame[0])] or frames[-1:]
    shown = [line.replace(path, _CODE_FOLDER.sub("", path)) for path, lines in own for line in lines]
    return "\n".join([*shown, block[-1]])
