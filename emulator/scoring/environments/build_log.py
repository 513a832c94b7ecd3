"""The log of how an environment came about."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from emulator.scoring.model import DeploymentFailed

_CREDENTIALS = re.compile(r"//[^@/\s]+@")


class BuildLog:
    """Lines with a time, appended as things happen. Passwords in addresses are left out."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, *lines: str) -> None:
        """Append lines."""
        with self.path.open("a", encoding="utf-8") as file:
            for line in lines:
                file.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {_redacted(line)}\n")

    def failed(self, output: str) -> DeploymentFailed:
        """The failure of a build, with what uv or we said last as its reason, after a last line in the log."""
        lines = [line.strip(" ×╰─▶│├·") for line in output.splitlines()]
        start = next((i for i, line in enumerate(lines) if line.startswith(("error", "No solution"))), len(lines) - 1)
        reason = " ".join(line for line in lines[max(start, 0) :] if line) or "uv ended without a word"
        self.write("The build failed.")
        return DeploymentFailed("ImageBuildFailure", f"The environment could not be built: {_redacted(reason)}")


def _redacted(text: str) -> str:
    return _CREDENTIALS.sub("//***@", text)
