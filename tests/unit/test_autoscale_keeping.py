"""Unsaved changes of autoscale settings on the disk."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.autoscale import editing
from services.autoscale.keeping import KEPT_SECONDS, Keeping
from services.autoscale.settings import Setting
from tests.autoscale_corpus import BLUE, FIRST, GREEN, Json

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
SECRET = [{"webhooks": [{"serviceUri": "https://example.com/key"}]}]
HELD: Json = {**FIRST, "id": "/x", "properties": {**FIRST["properties"], "notifications": SECRET}}
NEW = editing.with_limits(HELD, 0, 3, 9, 3)


@pytest.fixture
def keeping(tmp_path: Path) -> Keeping:
    return Keeping(tmp_path / "autoscale")


def test_changes_come_back_as_they_were_and_the_rest_from_what_azure_holds(keeping: Keeping, tmp_path: Path) -> None:
    kept_id = keeping.new_id()
    keeping.save(kept_id, BLUE, Setting.of(HELD), NEW, AT)
    (file,) = (tmp_path / "autoscale").iterdir()
    assert "example.com" not in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o077 == 0
    found = keeping.find(kept_id, BLUE.upper())
    assert found is not None
    assert found.at == AT
    base, document = found.documents(Setting.of(HELD), "westeurope")
    assert base is not None
    assert (base.raw, document) == (HELD, NEW)


def test_a_first_setting_and_one_that_was_deleted_meanwhile_come_back(keeping: Keeping) -> None:
    kept_id = keeping.new_id()
    keeping.save(kept_id, BLUE, None, FIRST, AT)
    found = keeping.find(kept_id, BLUE)
    assert found is not None
    assert found.documents(None, "westeurope") == (None, FIRST)
    keeping.save(kept_id, BLUE, Setting.of(HELD), NEW, AT)
    found = keeping.find(kept_id, BLUE)
    assert found is not None
    base, document = found.documents(None, "westeurope")
    assert base is not None
    assert document["properties"]["profiles"] == NEW["properties"]["profiles"]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"deployment": "x", "at": "y", "before": null, "after": 3}'])
def test_what_cannot_be_read_is_not_kept(keeping: Keeping, tmp_path: Path, content: str) -> None:
    kept_id = keeping.new_id()
    keeping.save(kept_id, BLUE, None, FIRST, AT)
    (tmp_path / "autoscale" / f"{kept_id}.json").write_text(content, encoding="utf-8")
    assert keeping.find(kept_id, BLUE) is None


def test_only_an_id_of_this_deployment_finds_anything(keeping: Keeping) -> None:
    kept_id = keeping.new_id()
    keeping.save(kept_id, BLUE, None, FIRST, AT)
    assert keeping.find(kept_id, GREEN) is None
    assert keeping.find("../../etc/passwd", BLUE) is None
    assert keeping.find(Keeping.new_id(), BLUE) is None
    keeping.drop(kept_id)
    keeping.drop("../x")
    assert keeping.find(kept_id, BLUE) is None


def test_changes_that_nobody_goes_on_with_are_forgotten(keeping: Keeping, tmp_path: Path) -> None:
    old, new = keeping.new_id(), keeping.new_id()
    keeping.save(old, BLUE, None, FIRST, AT)
    long_ago = AT.timestamp() - KEPT_SECONDS - 1
    os.utime(tmp_path / "autoscale" / f"{old}.json", (long_ago, long_ago))
    keeping.save(new, BLUE, None, FIRST, AT)
    assert keeping.find(old, BLUE) is None
    assert keeping.find(new, BLUE) is not None
