"""A body of bytes as it can be read on the screen. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from services.json_text import formatted
from services.scoring.json_check import check_json

MOST_SHOWN = 64 * 1024
"""Characters that are drawn; a browser gets slow with many more. The whole body can be downloaded."""


@dataclass(frozen=True)
class Readable:
    """``text`` is "" for bytes that are no text. ``is_part`` says that the text goes on."""

    text: str
    is_json: bool
    is_binary: bool
    is_part: bool


def readable(body: bytes) -> Readable:
    """Lay JSON out, leave other text as it is, and tell what is no text."""
    text = text_of(body)
    if text is None:
        return Readable("", is_json=False, is_binary=True, is_part=False)
    is_json = len(text) <= MOST_SHOWN and bool(text.strip()) and check_json(text) is None
    shown = formatted(text) if is_json else text
    return Readable(shown[:MOST_SHOWN], is_json, is_binary=False, is_part=len(shown) > MOST_SHOWN)


def text_of(body: bytes) -> str | None:
    """The body as text, None when it is none: not UTF-8, or with zero bytes in it."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
