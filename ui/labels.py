"""User text in the labels of Streamlit's widgets, which read Markdown."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>~:$|])")


def plain(text: str) -> str:
    """``text`` as a label that shows it as it is: what Markdown would take for a sign within a line is escaped.

    Nothing else is: a screen reader is given the label before Markdown is taken out of it, backslashes included.
    """
    return _SPECIAL.sub(r"\\\1", text)


def listed(names: list[str]) -> str:
    """Names in a sentence: ``a``, ``a and b``, ``a, b and c``, each shown as it is."""
    shown = [plain(name) for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
