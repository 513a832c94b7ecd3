"""Words and cells that several tables share. Pure."""

from __future__ import annotations

from services.model import Split
from ui.components.table import Cell

LAST_MINUTES = "Over the last 15 settled minutes, from Azure Monitor."

_TONES = {
    "succeeded": "good",
    "creating": "busy",
    "updating": "busy",
    "deleting": "busy",
    "provisioning": "busy",
    "scaling": "busy",
    "failed": "bad",
    "canceled": "bad",
}


def split_words(split: Split) -> str:
    """A live split in words, largest share first: ``blue 70 %, green 30 %``."""
    if not split.live:
        return "no live traffic"
    ordered = sorted(split.live.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {percent} %" for name, percent in ordered)


def mirror_words(split: Split) -> str:
    """The mirrored share in words: ``10 % to green``, or ``none``."""
    return f"{split.mirror_percent} % to {split.mirror_target}" if split.mirror_target else "none"


def state_cell(state: str) -> Cell:
    """Azure's provisioning state, with a mark whose shape says good, busy or bad as well as its colour."""
    return Cell(state, tone=_TONES.get(state.lower(), "neutral"))


def percent_cell(percent: int, *, strong: bool = False) -> Cell:
    """A whole percentage; 0 is said quietly."""
    return Cell(f"{percent} %", sort=percent, muted=percent == 0 and not strong, strong=strong)
