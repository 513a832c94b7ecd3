"""The exceptions in a container's log: what was raised, where, and in which of the script's three stages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.deploying.signs import bare

START = "Traceback (most recent call last)"
"""With this every traceback begins."""
_FRAME = re.compile(r'\s+File "(?P<path>.+?)", line (?P<line>\d+)(?:, in (?P<function>.+))?')
RAISED = re.compile(r"(?P<type>[A-Za-z_][\w.]*)(?:: (?P<text>.*))?$")
"""The line of an exception as Python prints it: its type, then its text."""
_OWN = re.compile(r".*/azureml-app/")
_WRAPPERS = ("UserScriptException", "UserScriptImportException", "SystemExit")
"""The inference server wraps what a script raised; the wrapper says nothing."""
_HARMLESS = "/appinsights_client.py"
"""The inference server logs an error here for each model that is a single file, and goes on ("Error while fetching
model IDs")."""
_FOREIGN = 3
"""Lines of somebody else that may stand in a traceback: the server and its workers write into one log."""


class Stage(StrEnum):
    """What of the scoring script ran."""

    IMPORT = "import"
    INIT = "init()"
    RUN = "run()"


_STAGES = {"load_script": Stage.IMPORT, "invoke_init": Stage.INIT, "invoke_run": Stage.RUN}
"""The inference server's own functions, by whose frames a stage is told."""
_OWN_STAGES = {"<module>": Stage.IMPORT, "init": Stage.INIT, "run": Stage.RUN}


@dataclass(frozen=True)
class Raised:
    """An exception. ``number`` is the line of the log that names it, counted from 1; ``type`` is without its module.

    ``own`` is the last frame in the deployment's code, like ``score.py, line 9``, or "" when there is none; ``last`` is
    the path of the last frame of all; ``source`` is the code of the last frames, as far as the log shows it.
    """

    number: int
    type: str
    text: str
    stage: Stage | None
    own: str
    last: str
    source: str

    @property
    def line(self) -> str:
        """As Python prints it."""
        return f"{self.type}: {self.text}" if self.text else self.type


def exceptions(lines: Sequence[str]) -> tuple[Raised, ...]:
    """Every exception with a traceback, in the order of the log, without what the server adds of its own."""
    return tuple(each for each in _parsed(lines) if each.type not in _WRAPPERS and not each.last.endswith(_HARMLESS))


def _parsed(lines: Sequence[str]) -> Iterator[Raised]:
    frames: list[re.Match[str]] | None = None
    code: list[str] = []
    foreign = 0
    for number, raw in enumerate(lines, 1):
        line = bare(raw) if START in raw or not raw[:1].isspace() else raw.rstrip()
        if START in line:
            frames, code, foreign = [], [], 0
        elif frames is None or not line.strip():
            continue
        elif found := _FRAME.match(line):
            frames.append(found)
        elif line[0].isspace():
            code.append(line.strip(" ^~"))
        elif named := RAISED.match(line):
            yield _raised(number, named, frames, code)
            frames = None
        else:
            foreign += 1
            frames = frames if foreign <= _FOREIGN else None


def _raised(number: int, named: re.Match[str], frames: Sequence[re.Match[str]], code: Sequence[str]) -> Raised:
    own = [frame for frame in frames if _OWN.match(frame["path"])]
    where = f"{_OWN.sub('', own[-1]['path'])}, line {own[-1]['line']}" if own else ""
    last = frames[-1]["path"] if frames else ""
    kind = named["type"].rpartition(".")[2]
    return Raised(number, kind, named["text"] or "", _stage(frames, own), where, last, " ".join(code[-4:]))


def _stage(frames: Sequence[re.Match[str]], own: Sequence[re.Match[str]]) -> Stage | None:
    for frame in frames:
        if frame["function"] in _STAGES:
            return _STAGES[frame["function"]]
    # Older servers import the script from a module of their own; only the script's frames tell the stage then.
    for frame in own:
        if frame["function"] in _OWN_STAGES:
            return _OWN_STAGES[frame["function"]]
    return Stage.IMPORT if own and own[-1]["function"] is None else None
