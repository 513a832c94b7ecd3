"""Who may use a state folder while servers come and go."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from emulator.errors import StartError
from emulator.ownership import Ownership
from emulator.state import StateFolder

pytestmark = [pytest.mark.anyio, pytest.mark.emulator]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def ownership(folder: Path, said: list[str]) -> Ownership:
    return Ownership(StateFolder(folder), said.append)


async def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    said: list[str] = []
    first = ownership(tmp_path, said)
    await first.take()
    with pytest.raises(StartError, match="in use by another local Azure"):
        await ownership(tmp_path, said).take()
    assert said == []
    first.release()


async def test_a_folder_whose_server_is_stopping_is_waited_for(tmp_path: Path) -> None:
    said: list[str] = []
    heard = asyncio.Event()

    def hear(sentence: str) -> None:
        said.append(sentence)
        heard.set()

    first = ownership(tmp_path, said)
    second = Ownership(StateFolder(tmp_path), hear)
    await first.take()
    first.leave()
    taking = asyncio.create_task(second.take())
    await asyncio.wait_for(heard.wait(), 60)
    first.release()
    await asyncio.wait_for(taking, 60)
    assert said == [f"The local Azure that uses {tmp_path} is stopping; waiting for its end."]
    with pytest.raises(StartError, match="in use"):
        await first.take()
    second.release()
    await first.take()
    first.release()


async def test_a_folder_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="cannot be written"):
        await ownership(tmp_path / "file" / "state", []).take()
