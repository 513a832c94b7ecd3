"""What a file is that is no UTF-8 text: another encoding, or no text at all. Pure."""

from __future__ import annotations

_LOOKED_AT = 4096
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1b")
BINARY = "binary"


def other_encoding(content: bytes) -> str:
    """ "UTF-16" or "UTF-32" by the mark at the beginning, or by every second byte being zero, as in Western texts;
    :data:`BINARY` for what no text has; "" for anything else, such as UTF-8 and Latin-1."""
    if content.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "UTF-32"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16"
    start = content[:_LOOKED_AT]
    first, second = start[0::2], start[1::2]
    for zeros, letters in ((first, second), (second, first)):
        # A byte that is cut off at the end, and characters beyond Latin-1, are left room for.
        if len(zeros) > 1 and zeros.count(0) >= 0.4 * len(zeros) and letters.count(0) <= 0.02 * len(letters):
            is_text = sum(each in _CONTROLS for each in letters) <= 0.02 * len(letters)
            return "UTF-16" if is_text else BINARY
    controls = sum(each in _CONTROLS for each in start)
    return BINARY if controls > 0.05 * len(start) else ""
