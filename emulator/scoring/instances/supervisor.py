"""Runs one command and ends it, and everything it started, with the process that asked for it.

``supervisor.py LOG COMMAND...`` copies the command's output to LOG (two files of limited size). When stdin ends, the
command is ended, first politely: the control process holds the other end, so even ``kill -9`` of it leaves no orphan.
On Linux this covers processes that the command has detached from its group. With ``-`` for LOG the output stays that of
this process, and the end is at once: what is half done is of no use to anybody.

It is executed as a file of its own, isolated from the variables and the folders of the command, so it may use nothing
but the standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path

MAX_LOG_BYTES = 4 * 1024 * 1024
STOP_SECONDS = 5.0
AT_ONCE = b"at once"
_FLUSH_SECONDS = 2.0
_ROUNDS = 100
_PR_SET_CHILD_SUBREAPER = 36
_IS_LINUX = sys.platform == "linux"


class Supervised:
    """A command that runs, in a process group of its own."""

    def __init__(self, command: list[str], log: Path | None) -> None:
        """Start it. ``log`` None leaves it the output of this process."""
        if _IS_LINUX:
            # What the command abandons becomes a child of this process.
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        self._log = log
        self._gone = threading.Event()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if log else None,
            stderr=subprocess.STDOUT if log else None,
            start_new_session=True,
        )

    def run(self) -> int:
        """Wait for the end and return the exit code, 128 plus the number of the signal that ended it as shells do."""
        copying = threading.Thread(target=self._copy, daemon=True)
        copying.start()
        threading.Thread(target=self._end_with_parent, daemon=True).start()
        code = self._wait()
        self._gone.set()
        self._kill()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        # Something that could not be ended may still hold the other end of the pipe.
        copying.join(_FLUSH_SECONDS)
        return code if code >= 0 else 128 - code

    def _copy(self) -> None:
        if self._log and self._process.stdout:
            copy_output(self._process.stdout.fileno(), self._log)

    def _end_with_parent(self) -> None:
        """Wait for the end of stdin, then end the command; at once if stdin said so."""
        said = b""
        while more := os.read(0, 4096):
            said += more
        if self._log and said != AT_ONCE:
            self._signal(signal.SIGTERM)
            self._gone.wait(STOP_SECONDS)
        self._kill()

    def _wait(self) -> int:
        """The exit code of the command. What it abandoned is buried meanwhile."""
        if not _IS_LINUX:
            return self._process.wait()
        while True:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
            assert ended is not None
            if ended.si_pid == self._process.pid:
                return self._process.wait()
            os.waitpid(ended.si_pid, 0)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _kill(self) -> None:
        """End the group and all other descendants; what they start while that happens, too."""
        self._signal(signal.SIGKILL)
        for _ in range(_ROUNDS):
            found = descendants(os.getpid()) if _IS_LINUX else []
            if not found:
                return
            for number in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            time.sleep(0.01)


def copy_output(source: int, log: Path) -> None:
    """Append everything to ``log``; a full file becomes ``log.1``. A full disk costs log lines, not the command."""
    while chunk := os.read(source, 65536):
        with contextlib.suppress(OSError):
            if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
                log.replace(log.with_name(log.name + ".1"))
            with log.open("ab") as file:
                file.write(chunk)


def descendants(root: int) -> list[int]:
    """Everything below a process that has not ended, as Linux lists it."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name in parentheses may hold anything, parentheses too.
            state, parent = path.read_text(errors="replace").rpartition(")")[2].split()[:2]
            if state not in "ZX":
                children[int(parent)].append(int(path.parent.name))
    found = children[root]
    for number in found:
        found.extend(children[number])
    return found


if __name__ == "__main__":
    # os._exit because the thread that waits for stdin cannot be joined.
    os._exit(Supervised(sys.argv[2:], None if sys.argv[1] == "-" else Path(sys.argv[1])).run())
