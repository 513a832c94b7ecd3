"""Switches that are Enabled or Disabled, in whatever case a client writes them."""

from __future__ import annotations

import pytest

from emulator.arm.rules import RuleBroken, switch


@pytest.mark.parametrize("sent", ["Disabled", "disabled", "DISABLED"])
def test_a_switch_is_kept_in_azures_spelling(sent: str) -> None:
    assert switch(sent, "publicNetworkAccess") == "Disabled"


def test_a_switch_that_was_not_sent_stays_away() -> None:
    assert switch(None, "publicNetworkAccess") is None


@pytest.mark.parametrize("sent", ["off", "", True, {"value": "Enabled"}])
def test_a_switch_has_two_positions(sent: object) -> None:
    with pytest.raises(RuleBroken, match=r"publicNetworkAccess is .*; it is Enabled or Disabled"):
        switch(sent, "publicNetworkAccess")
