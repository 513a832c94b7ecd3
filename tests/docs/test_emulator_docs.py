"""docs/emulator.md describes every switch there is, and quotes programs that a test runs."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from starlette.routing import Route

from emulator.__main__ import command_line
from emulator.control import Control
from emulator.environment import variables
from emulator.faults import Fault
from emulator.resources import Addresses, Place
from emulator.settings import Settings
from emulator.state import Secrets, StateFolder

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "emulator.md").read_text(encoding="utf-8")
RECIPES = sorted((ROOT / "samples" / "own_tests").glob("*.py"))


def options(parser: argparse.ArgumentParser, name: str = "python -m emulator") -> Iterator[tuple[str, str]]:
    """Every command with each of its options."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each, inner in action.choices.items():
                yield from options(inner, f"{name} {each}")
        elif action.option_strings and action.dest != "help":
            yield name, action.option_strings[-1]


OPTIONS = list(options(command_line()))


@pytest.mark.parametrize("command", sorted({command for command, _ in OPTIONS}))
def test_every_command_is_described(command: str) -> None:
    assert f"`{command}`" in PAGE


@pytest.mark.parametrize("option", sorted({option for _, option in OPTIONS}))
def test_every_option_is_described(option: str) -> None:
    assert f"`{option}`" in PAGE


@pytest.mark.parametrize("setting", [field.name for field in fields(Settings)])
def test_every_setting_is_described_with_its_default(setting: str) -> None:
    default = getattr(Settings(), setting)
    shown = str(default).lower() if isinstance(default, bool) else f"{default:g}" if default < 1e6 else str(default)
    assert f"| `{setting}` | {shown} |" in PAGE


@pytest.mark.parametrize("field", [field.name for field in fields(Fault)])
def test_every_field_of_a_fault_is_described(field: str) -> None:
    assert re.search(rf"^\| [^|]*`{field}`", PAGE, re.MULTILINE)


def test_every_control_route_is_described_with_its_methods() -> None:
    for route in Control.routes(Control.__new__(Control)):
        assert isinstance(route, Route)
        (line,) = [line for line in PAGE.splitlines() if re.match(rf"\| [^|]*{re.escape(route.path)}` \|", line)]
        assert set(re.findall("GET|POST|DELETE", line.split("|")[1])) == (route.methods or set()) - {"HEAD"}


def test_every_variable_is_described(tmp_path: Path) -> None:
    behind_a_proxy = {"https_proxy": "http://proxy:3128"}
    place = Place("sub", "group", "space", "westeurope")
    for name in variables(place, Addresses(1, 2, 3), StateFolder(tmp_path), Secrets.fresh(), behind_a_proxy):
        assert f"`{name}`" in PAGE


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_what_is_quoted_is_what_is_run(path: Path) -> None:
    assert f"```python\n{path.read_text(encoding='utf-8')}```" in PAGE
