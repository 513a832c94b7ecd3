"""Files on their way into a deploy: from a text, from uploads, or from a folder of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

from services.deploying import documents
from services.deploying.model import Bundle, Finding, Level, Place
from services.deploying.unpacking import Limits, Refused, Writer, is_zip_name
from services.errors import NotConfigured, NotFound, RuleBroken

PASTED = "pasted.yml"
"""The file that a pasted text becomes."""
_FAILED = "The folder was not opened."


def from_text(text: str, folder: Path) -> Bundle:
    """A pasted text as a file in ``folder``, which is made when it is missing."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = text.encode("utf-8", errors="surrogatepass")
    if len(content) <= documents.MAX_BYTES:
        (folder / PASTED).write_bytes(content)
        return _bundle(folder, [PASTED], [])
    what = "The text is too long."
    why = f"It has {len(content) / 1e6:,.1f} MB, and at most {documents.MAX_BYTES / 1e6:.0f} MB are read."
    fix = "Paste the YAML alone; data belongs in files beside it."
    return Bundle(folder, (), (), (Finding(Level.ERROR, "yaml-too-large", Place(), what, why, fix),))


def from_uploads(
    files: Iterable[tuple[str, IO[bytes]]],
    folder: Path,
    limits: Limits | None = None,
    texts: Mapping[str, str] | None = None,
) -> Bundle:
    """Files and zips, by the names that the browser gave, as files in ``folder``, which should be new and empty.

    They are read in chunks and one after the other. A zip that comes without a folder around it is unpacked, unless a
    YAML file among the others has its name: then it is a model. What is refused is left out and named in the findings.
    ``texts`` are other contents of some of them, by their names in the bundle; names that it does not have are ignored.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    writer = Writer(folder, limits or Limits())
    findings: list[Finding] = []
    zips: list[tuple[str, IO[bytes]]] = []
    for name, content in files:
        if is_zip_name(name) and not set(name) & set("/\\"):
            zips.append((name, content))
            continue
        try:
            writer.put(name, content)
        except Refused as refused:
            findings.append(_refusal(refused))
    for name, content in zips:
        try:
            if _is_referred_to(name, folder, writer.written):
                writer.put(name, content)
            else:
                writer.unpack(name, content)
        except Refused as refused:
            findings.append(_refusal(refused, zip_name=name))
    for name in set(texts or ()) & set(writer.written):
        (folder / name).write_text((texts or {})[name], encoding="utf-8", newline="")
    return _bundle(folder, writer.written, findings)


def from_folder(path: str | Path, root: Path | None, limits: Limits | None = None) -> Bundle:
    """The files of a folder of this machine, where they lie. ``path`` is absolute or relative to ``root``.

    Raises NotConfigured when there is no root, RuleBroken when the folder, symbolic links resolved, is not below it,
    and NotFound when there is none. Links inside the folder that lead out of the root are findings.
    """
    if root is None:
        why = "Sluice reads only below a folder that is named in the settings."
        raise NotConfigured(_FAILED, why, "Set SLUICE_DEPLOY_ROOT to the folder of your projects, or upload the files.")
    try:
        real_root = root.expanduser().resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise NotFound(_FAILED, f"{root} does not exist.", "Correct SLUICE_DEPLOY_ROOT.") from None
    try:
        folder = (real_root / str(path)).resolve()
        is_below, is_folder = folder.is_relative_to(real_root), folder.is_dir()
    except (OSError, RuntimeError, ValueError):
        raise RuleBroken(_FAILED, "This is no path.", f"Give a folder below {root}.") from None
    if not is_below:
        raise RuleBroken(_FAILED, f"It is not below {root}.", "Choose one below it, or change SLUICE_DEPLOY_ROOT.")
    if not is_folder:
        raise NotFound(_FAILED, f"There is no folder {path} below {root}.", "Look at its name; it has to be a folder.")
    files, findings = _listed(folder, real_root, limits or Limits())
    return _bundle(folder, files, findings)


def _bundle(folder: Path, files: Iterable[str], findings: list[Finding]) -> Bundle:
    names = tuple(sorted(files))
    found, wrong = documents.find(folder, names)
    if findings and not found:
        # That nothing is described follows from what was refused.
        wrong = tuple(each for each in wrong if each.code != "no-document")
    return Bundle(folder, names, found, (*findings, *wrong))


def _is_referred_to(name: str, folder: Path, written: Iterable[str]) -> bool:
    """Whether a YAML file has the name of a zip in it, so that the zip is meant as it is."""
    own = name.replace("\\", "/").rsplit("/", 1)[-1].encode()
    yaml_files = (folder / each for each in written if each.lower().endswith((".yml", ".yaml")))
    return any(own in each.read_bytes() for each in yaml_files if each.stat().st_size <= documents.MAX_BYTES)


def _listed(folder: Path, root: Path, limits: Limits) -> tuple[list[str], list[Finding]]:
    files: list[str] = []
    findings: list[Finding] = []
    for path, is_hidden in _walk(folder):
        name = path.relative_to(folder).as_posix()
        wrong = _link(path, name, folder, root) if path.is_symlink() else None
        if wrong is not None:
            findings.append(wrong)
        elif is_hidden or not path.is_file():
            continue
        elif len(files) < limits.files:
            files.append(name)
        else:
            what = f"Only the first {limits.files:,} files of the folder are seen."
            fix = "Choose a folder further down, with what is needed alone."
            findings.append(Finding(Level.ERROR, "too-many-files", Place(), what, "It holds more.", fix))
            break
    return files, findings


def _walk(folder: Path) -> Iterator[tuple[Path, bool]]:
    """All files and links below a folder, by name, and whether they lie in a hidden folder. Links to folders are not
    followed. What is hidden at the top, such as .git and .venv, belongs to a project and not to a deployment."""
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = sorted(each for each in folders if each not in links and not _is_left_out(here, each, folder))
        is_hidden = any(step.startswith(".") for step in here.relative_to(folder).parts)
        yield from ((here / name, is_hidden) for name in sorted([*names, *links]))


def _is_left_out(parent: Path, name: str, folder: Path) -> bool:
    return name == "__pycache__" or (name.startswith(".") and parent == folder)


def _link(path: Path, name: str, folder: Path, root: Path) -> Finding | None:
    """What is wrong with a link: uploading a folder follows the links in it, wherever they lead."""
    target = Path(os.path.realpath(path))
    if target.is_dir() and target.is_relative_to(folder):
        what = f"{name} is a symbolic link to a folder."
        why = "The checks do not look behind it. An upload of what it lies in takes a copy of that folder along."
        return Finding(Level.WARNING, "symlink", Place(name), what, why, "Refer to the folder itself.")
    if target.is_dir() or not target.is_relative_to(root):
        what = f"{name} is a symbolic link that leads out of the chosen folder."
        why = "az ml follows such a link and uploads what it finds there. Sluice does not follow it."
        return Finding(Level.ERROR, "symlink", Place(name), what, why, "Put the files themselves in its place.")
    return None


def _refusal(refused: Refused, zip_name: str = "") -> Finding:
    inside = f" in {zip_name}" if zip_name and refused.name != zip_name else ""
    what = f"{refused.name}{inside} was not taken."
    return Finding(Level.ERROR, refused.code, Place(zip_name or refused.name), what, refused.why, refused.fix)
