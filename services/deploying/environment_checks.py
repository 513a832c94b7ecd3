"""What a deployment's environment brings: its conda file, wherever that is, and whether it has what the script imports.
Pure but for the files of the bundle."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from services.azure.asset_versions import AssetVersion
from services.deploying import conda, packages
from services.deploying.facts import Facts
from services.deploying.imported import needed
from services.deploying.local_modules import Followed, Source, names_beside
from services.deploying.located_yaml import Located
from services.deploying.model import Bundle, Document, Finding, Level, Place
from services.deploying.references import assets, mapping

_INFERENCE_IMAGE = re.compile(r"mcr\.microsoft\.com/azureml/(?:curated/)?[^@]*inference[^/]*", re.IGNORECASE)
"""Microsoft's prebuilt images for inference bring the inference server; the plain ones do not."""
_AT = ("environment", "conda_file")


def conda_of(document: Document, bundle: Bundle, path: Path | None, facts: Facts) -> conda.CondaFile:
    """What is known of the conda file: the one at ``path``, the one that stands in the YAML itself, or that of a
    registered environment, whose text is Azure's and not judged again. Raises OSError and ValueError."""
    environment = mapping(document.content.get("environment"))
    has_script = bool(document.content.get("code_configuration")) and not environment.get("inference_config")
    needs_server = has_script and not is_inference_image(environment)
    if path is not None:
        shown = path.resolve().relative_to(bundle.folder.resolve()).as_posix()
        return conda.look_at(start_of(path, conda.MAX_BYTES), shown, needs_server=needs_server)
    given = environment.get("conda_file")
    if isinstance(given, Mapping):
        lines = {at[len(_AT) :]: line for at, line in document.lines.items() if at[: len(_AT)] == _AT}
        within = Located(dict(given), document.place(*_AT).line, lines)
        return conda.look_into(within, document.file, needs_server=needs_server)
    registered = registered_asset(document, "environment", facts)
    text = registered.properties.get("condaFile") if registered else None
    if not isinstance(text, str) or not text.strip():
        return conda.CondaFile(())
    known = conda.look_at(text.encode("utf-8", "replace"), "", needs_server=False)
    return conda.CondaFile((), known.packages, known.is_complete)


def check_imports(
    document: Document, followed: Followed, environment: conda.CondaFile, folder: Path | None, root: Path
) -> Iterator[Finding]:
    """What the script imports, and what its modules in the code folder import, and the environment does not bring.

    Only a conda file that was read whole can say: Azure makes an environment of its own from it, in which nothing of
    the image is seen. Each module is told once, at the import that is nearest to the script.
    """
    if folder is None or not environment.is_complete:
        return
    given = document.content.get("environment")
    where = "the conda file" if isinstance(given, Mapping) else f"the conda file of {given}"
    brought = set(environment.packages)
    if is_inference_image(mapping(given)):
        # The server is Microsoft's there, with everything that it needs.
        brought |= packages.SERVERS
    own = names_beside(followed.sources, folder, root)
    told: set[str] = set()
    for source in followed.sources:
        asked = [each for each in needed(source.imports) if each[0] not in told]
        for module, line, package in packages.missing(asked, brought, own):
            told.add(module)
            what = f"Nothing in {where} is known to bring {module}."
            if isinstance(given, Mapping):
                fix = f"Add {package} to the conda file, unless another package brings it."
            else:
                fix = f"Register a new version of the environment with {package}, unless another package brings it."
            place = Place(source.file, line)
            yield Finding(Level.WARNING, "import-unknown", place, what, _why_imported(source), fix)


def _why_imported(source: Source) -> str:
    stops = "so the container may stop with ModuleNotFoundError."
    if source.by is None:
        return f"The script imports it, {stops}"
    return f"{source.file} imports it, and {source.by.file} imports that in line {source.by.line}, {stops}"


def is_inference_image(environment: Mapping[str, object]) -> bool:
    """Whether the environment's image is one of Microsoft's that bring the inference server."""
    return bool(_INFERENCE_IMAGE.fullmatch(str(environment.get("image") or "")))


def registered_asset(document: Document, field: str, facts: Facts) -> AssetVersion | None:
    """What Azure knows of the registered asset that a field names; None when it names none or it is not known."""
    asset = next((each for each in assets(document) if each.field == (field,)), None)
    known = facts.assets.get(asset) if asset else None
    return known.found if known else None


def start_of(path: Path, limit: int) -> bytes:
    """The content of a file, one byte more than the limit at most: enough to see that it is too large."""
    with path.open("rb") as file:
        return file.read(limit + 1)
