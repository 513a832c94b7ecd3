"""What exists is described: every setting, make target and page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = README + "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("variable", [str(field.alias) for field in Settings.model_fields.values()])
def test_every_setting_is_described(variable: str) -> None:
    assert f"`{variable}`" in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


def test_every_make_target_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    described = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    public = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)) - {"browser", "lint"}
    assert described == public


@pytest.mark.parametrize("page", sorted(path.stem for path in (ROOT / "pages").glob("[a-z]*.py")))
def test_every_page_is_described(page: str) -> None:
    assert re.search(rf"\*\*{page}\*\*", DOCS, re.IGNORECASE), f"no docs page says what {page} is for"


def test_every_direct_dependency_has_its_reason() -> None:
    architecture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    names = re.findall(r"^([a-z0-9-]+)", (ROOT / "requirements.in").read_text(encoding="utf-8"), re.MULTILINE)
    table = "".join(line for line in architecture.splitlines() if line.startswith("|"))
    assert [name for name in names if name not in table] == []


@pytest.mark.parametrize("path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda p: str(p.name))
def test_every_link_to_a_file_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []
