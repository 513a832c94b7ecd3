"""A curl command taken apart: the words a POSIX shell makes of it, and the options curl makes of those."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

_WITH_VALUE = frozenset(
    [
        "--aws-sigv4",
        "--cacert",
        "--capath",
        "--cert",
        "--ciphers",
        "--config",
        "--connect-timeout",
        "--connect-to",
        "--cookie",
        "--cookie-jar",
        "--data",
        "--data-ascii",
        "--data-binary",
        "--data-raw",
        "--data-urlencode",
        "--dump-header",
        "--form",
        "--form-string",
        "--header",
        "--interface",
        "--json",
        "--key",
        "--limit-rate",
        "--max-redirs",
        "--max-time",
        "--noproxy",
        "--oauth2-bearer",
        "--output",
        "--proxy",
        "--proxy-user",
        "--range",
        "--referer",
        "--request",
        "--resolve",
        "--retry",
        "--retry-delay",
        "--retry-max-time",
        "--upload-file",
        "--url",
        "--url-query",
        "--user",
        "--user-agent",
        "--write-out",
    ]
)
_SHORT_WITH_VALUE = frozenset("AbceCDdEFHKmorTuUwxXYy")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}
_ESCAPE = re.compile(r"\\(?:u(?P<u>[0-9a-fA-F]{1,4})|U(?P<U>[0-9a-fA-F]{1,8})|x(?P<x>[0-9a-fA-F]{1,2})|(?P<c>.))", re.S)
_QUOTED = re.compile(
    r"""(?P<end>\\\r?\n)|(?P<kept>'[^']*'|\\.)|"(?P<double>(?:[^"\\]|\\.)*+)"|\$'(?P<dollar>(?:[^'\\]|\\.)*+)'""",
    re.DOTALL,
)
_WINDOWS = re.compile(r'`[ \t]*\r?\n|\^[ \t]*\r?\n|\^"(?:http|-)|^\s*curl\.exe\b', re.IGNORECASE)
_ENDS = frozenset(("|", "||", "&&", ";", "&", ">", ">>", "2>&1", "2>/dev/null"))


class NotACommand(Exception):
    """Why a text is not a curl command that can be read, in a sentence."""


def options(text: str) -> Iterator[tuple[str, str]]:
    """The options of a curl command with their values, "" for those without; an address is called ``--url``.

    Raises NotACommand.
    """
    words = iter(_words(text))
    is_over = False
    for word in words:
        if is_over or not word.startswith("-") or word == "-":
            yield "--url", word
        elif word == "--":
            is_over = True
        elif word.startswith("--"):
            yield word, _next(words, word) if word in _WITH_VALUE else ""
        else:
            yield from _short(word, words)


def _short(word: str, words: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Short options stand together (``-sSX POST``), and a value may follow its letter at once (``-XPOST``)."""
    for place, letter in enumerate(word[1:], 1):
        if letter in _SHORT_WITH_VALUE:
            yield f"-{letter}", word[place + 1 :] or _next(words, f"-{letter}")
            return
        yield f"-{letter}", ""


def _next(words: Iterator[str], option: str) -> str:
    try:
        return next(words)
    except StopIteration:
        raise NotACommand(f"Nothing follows {option}.") from None


def _words(text: str) -> list[str]:
    if _WINDOWS.search(text):
        raise NotACommand(
            "It is written for PowerShell or Windows cmd, which quote in their own way. Copy it as cURL (bash), or "
            "paste its body as JSON."
        )
    try:
        words = shlex.split(_QUOTED.sub(_plain, text.strip()))
    except ValueError:
        raise NotACommand("A quote is opened and not closed.") from None
    if not words or words[0] != "curl":
        raise NotACommand("It does not begin with curl.")
    end = next((place for place, word in enumerate(words) if word in _ENDS), len(words))
    return words[1:end]


def _plain(found: re.Match[str]) -> str:
    """A quoted part, written so that shlex reads it as a shell does: it takes no ``\\$`` inside double quotes."""
    if found["end"]:
        return " "
    if found["kept"]:
        return found["kept"]
    if found["double"] is not None:
        return shlex.quote(re.sub(r"\\(?:\r?\n|([$`\"\\]))", lambda escape: escape[1] or "", found["double"]))
    return shlex.quote(_unescaped(found["dollar"]))


def _unescaped(text: str) -> str:
    """The inside of bash's ``$'…'``, which browsers write around a body that holds quotes."""

    def char(found: re.Match[str]) -> str:
        code = found["u"] or found["U"] or found["x"]
        if code is None:
            return _ESCAPES.get(found["c"], found["c"])
        value = int(code, 16)
        return chr(value) if value <= 0x10FFFF else found[0]

    # A character beyond the first 65536 is written as two halves.
    return _ESCAPE.sub(char, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
