"""Shape rules that import-linter cannot see: the entry file, the samples, and the size of pages."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSE = {"app", "emulator", "pages", "services", "ui"}
PAGES = sorted((ROOT / "pages").glob("[a-z]*.py"))
SAMPLES = sorted(path for path in (ROOT / "samples").rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_the_entry_imports_no_page_and_no_azure() -> None:
    assert not imported(ROOT / "app.py") & {"pages", "azure", "emulator"}


def test_nothing_imports_the_entry() -> None:
    files = [path for folder in ("ui", "services", "pages", "emulator") for path in (ROOT / folder).rglob("*.py")]
    assert [path for path in files if "app" in imported(path)] == []


def test_only_one_folder_speaks_to_azure() -> None:
    files = [path for folder in ("ui", "services", "pages", "emulator") for path in (ROOT / folder).rglob("*.py")]
    speakers = {path.parent for path in files if "azure" in imported(path)}
    assert speakers == {ROOT / "services" / "azure"}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_samples_are_what_any_user_could_write(path: Path) -> None:
    assert not imported(path) & HOUSE


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_are_short_and_hold_no_azure(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 100
    assert not imported(path) & {"azure", "httpx", "sqlite3", "plotly"}
