"""What makes a bundle of the typed text, the sent files, and the changes that were made to them on the page."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from services.deploying import bundles
from services.deploying.inbox import Received
from services.deploying.model import Bundle
from ui import context

_TEXT = ""
"""Stands for the typed text among the names of files."""
Make = Callable[[Path], Bundle]


def form_of(text: str, sent: Sequence[Received]) -> dict[str, str]:
    """What tells one state of typed text and sent files from another: a mark for each file, by name. Pure."""
    return {_TEXT: hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()} | {
        each.name: each.path.name for each in sent
    }


def still_meant(edits: Mapping[str, str], before: Mapping[str, str] | None, now: Mapping[str, str]) -> dict[str, str]:
    """The changes to files that were not sent anew since: who sends a file again means what is in it. Pure.

    ``before`` and ``now`` are states of :func:`form_of`. What does not bear a sent file's name is from a zip.
    """
    if before is None:
        return {}
    zips = {name for name in {*before, *now} if name.lower().endswith(".zip")}
    is_unpacked_anew = any(before.get(each) != now.get(each) for each in zips)

    def is_meant(name: str) -> bool:
        return before[name] == now.get(name) if name in before else name not in now and not is_unpacked_anew

    return {name: text for name, text in edits.items() if is_meant(name)}


def from_folder(folder: Path) -> Bundle:
    """A folder of this machine, read where it lies. Raises SluiceError when it may not be read any more."""
    return bundles.from_folder(folder, context.settings().deploy_root)


def from_form(text: str, sent: Sequence[Received], edits: Mapping[str, str]) -> Make:
    """What reads the typed YAML and the sent files together, with ``edits`` in place of their contents."""
    if not sent:
        return lambda folder: bundles.from_text(text, folder)

    def make(folder: Path) -> Bundle:
        with ExitStack() as opened:
            files: list[tuple[str, IO[bytes]]] = [(each.name, opened.enter_context(each.open())) for each in sent]
            if text.strip():
                files.insert(0, (bundles.PASTED, io.BytesIO(text.encode("utf-8"))))
            return bundles.from_uploads(files, folder, texts=edits)

    return make


def with_texts(bundle: Bundle, texts: Mapping[str, str]) -> Make:
    """What reads the files of ``bundle`` again, with other contents of some of them."""

    def make(folder: Path) -> Bundle:
        with ExitStack() as opened:
            files: list[tuple[str, IO[bytes]]] = []
            for name in dict.fromkeys((*bundle.files, *texts)):
                if name in texts:
                    files.append((name, io.BytesIO(texts[name].encode("utf-8"))))
                else:
                    files.append((name, opened.enter_context(Path(bundle.folder, name).open("rb"))))
            return bundles.from_uploads(files, folder)

    return make


def differing(bundle: Bundle, texts: Mapping[str, str]) -> tuple[str, ...]:
    """The names among ``texts`` whose file in ``bundle`` says something else, in their order."""
    return tuple(name for name, text in texts.items() if name in bundle.files and read_text(bundle, name) != text)


def read_text(bundle: Bundle, name: str) -> str | None:
    """The text of one file of a bundle as it stands on the disk, None when it is not there any more."""
    try:
        return Path(bundle.folder, name).read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")
    except OSError:
        return None
