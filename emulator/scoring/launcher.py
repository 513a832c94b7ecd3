"""Runs one instance. The environment's own Python executes this file, so it may use nothing but the standard library
and Microsoft's inference server.

``launcher.py supervise PORT LOG`` starts the server, copies its output to LOG (two files of limited size) and ends the
server's process group when stdin ends: the control process holds the other end, so even ``kill -9`` leaves no orphan.
``launcher.py serve PORT`` is that server. Microsoft's command line binds 0.0.0.0 without a way to change it, therefore
the same steps are taken here with 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

MAX_LOG_BYTES = 4 * 1024 * 1024
STOP_SECONDS = 5.0
AT_ONCE = b"at once"
PR_SET_PDEATHSIG = 1


def serve(port: int) -> None:
    """Become the inference server on 127.0.0.1:``port``. The entry script is named by AZUREML_ENTRY_SCRIPT."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    sys.argv = ["azmlinfsrv", "--entry_script", os.environ["AZUREML_ENTRY_SCRIPT"], "--port", str(port)]
    # Only the instance's own environment has this package.
    from azureml_inference_server_http import amlserver, amlserver_linux  # type: ignore[import-not-found]

    arguments = amlserver.parse_arguments()
    amlserver.load_logging_config(amlserver.PACKAGE_ROOT)
    amlserver.merge_configuration(arguments)
    amlserver.validate_environment_variables()
    amlserver.set_path_variable()
    amlserver.print_server_info()
    amlserver.print_server_settings()
    amlserver_linux.run("127.0.0.1", port, int(os.environ["WORKER_COUNT"]))


def end_group(server: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to everything the server started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, number)


def end_with_parent(server: subprocess.Popen[bytes]) -> None:
    """Wait for the end of stdin, then end the server: first politely, unless stdin said AT_ONCE, then for good."""
    said = b""
    while more := os.read(0, 4096):
        said += more
    if said != AT_ONCE:
        end_group(server, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(STOP_SECONDS)
    end_group(server, signal.SIGKILL)


def end_stragglers(server: subprocess.Popen[bytes]) -> None:
    """When the server is gone, end what it left behind, which also closes the pipe that its output comes from."""
    server.wait()
    end_group(server, signal.SIGKILL)


def copy_output(source: int, log: Path) -> None:
    """Append everything to ``log``; a full file becomes ``log.1``. A full disk costs log lines, not the server."""
    while chunk := os.read(source, 65536):
        with contextlib.suppress(OSError):
            if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
                log.replace(log.with_name(log.name + ".1"))
            with log.open("ab") as file:
                file.write(chunk)


def supervise(port: int, log: Path) -> int:
    """Run the server and return its exit code, 128 plus the number of the signal that ended it as shells do."""
    server = subprocess.Popen(
        # -P keeps this folder off sys.path, where its modules would hide the user's.
        [sys.executable, "-P", __file__, "serve", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert server.stdout is not None
    for duty in (end_with_parent, end_stragglers):
        threading.Thread(target=duty, args=(server,), daemon=True).start()
    copy_output(server.stdout.fileno(), log)
    code = server.wait()
    end_group(server, signal.SIGKILL)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        # os._exit because the thread that waits for stdin cannot be joined.
        os._exit(supervise(int(sys.argv[2]), Path(sys.argv[3])))
