"""The Chromium that the browser tests drive: find it, or install it.

``python tests/browser.py`` installs one when none is there: Debian's package as root, Playwright's own build elsewhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""No sandbox because CI runs as root; no background networking because nothing may leave the machine."""


def chromium() -> str | None:
    """The path of an installed Chromium, or None when only Playwright's own build can be used."""
    named = os.environ.get("SLUICE_CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser")


def install() -> None:
    """Install a Chromium unless one is there. Raises CalledProcessError when the installer fails."""
    if chromium():
        return
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-q"], check=True, env=environment)
        subprocess.run(["apt-get", "install", "-y", "-q", "chromium"], check=True, env=environment)
    else:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


if __name__ == "__main__":
    install()
