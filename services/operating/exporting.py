"""Everything of an endpoint in one zip: YAML for ``az ml`` that makes it again, and the commands in order. Pure."""

from __future__ import annotations

import io
import shlex
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.model import Deployment, Endpoint
from services.resources.programs import where
from services.resources.resource_yaml import ResourceFile, deployment_file, endpoint_file, resource_json

_MADE_AT = (1980, 1, 1, 0, 0, 0)
"""The same resources give the same bytes."""
_SCRIPT = 0o100755 << 16


@dataclass(frozen=True)
class Archive:
    """A zip. ``hidden`` names the values that are not in it, ``left_out`` what no file of ``az ml`` can say."""

    name: str
    content: bytes
    hidden: tuple[str, ...]
    left_out: tuple[str, ...]


def archive(endpoint: Endpoint, deployments: Sequence[Deployment], *, show_hidden: bool = False) -> Archive:
    """The files of ``endpoint`` and its ``deployments``. Values that look like secrets are in it if ``show_hidden``.

    The endpoint's file has no split: Azure refuses one to deployments that are not there yet. The script sets it last.
    """
    # A split of nothing: as it is before the first deployment.
    bare = replace(endpoint, raw=_without_split(endpoint.raw))
    made = [
        ("endpoint.yml", endpoint_file(bare, show_hidden=show_hidden)),
        *((f"deployments/{each.name}.yml", deployment_file(each, show_hidden=show_hidden)) for each in deployments),
    ]
    documents = [
        ("azure/endpoint.json", resource_json(endpoint, show_hidden=show_hidden)),
        *((f"azure/{each.name}.json", resource_json(each, show_hidden=show_hidden)) for each in deployments),
    ]
    hidden = tuple(dict.fromkeys(name for _, file in made for name in file.hidden))
    left_out = tuple(f"{path}: {each}" for path, file in made for each in file.left_out)
    texts = {path: file.text for path, file in (*made, *documents)}
    texts |= {"apply.sh": script(endpoint, deployments), "README.md": _readme(endpoint, made, hidden, left_out)}
    return Archive(f"{endpoint.name}.zip", _zipped(texts), hidden, left_out)


def script(endpoint: Endpoint, deployments: Sequence[Deployment]) -> str:
    """The commands that make everything again: the endpoint, its deployments, then its split."""
    place = where(endpoint.workspace_ref)
    name = shlex.quote(endpoint.name)
    lines = [f"az ml online-endpoint create -f endpoint.yml {place}"]
    lines += [
        f"az ml online-deployment create -f {shlex.quote(f'deployments/{each.name}.yml')} {place}"
        for each in deployments
    ]
    shares = [("--traffic", endpoint.split.live), ("--mirror-traffic", endpoint.split.mirror)]
    options = [f"{option} {shlex.quote(_words(split))}" for option, split in shares if split]
    if options:
        lines.append(f"az ml online-endpoint update --name {name} {' '.join(options)} {place}")
    return "\n".join(["#!/bin/sh", 'set -e; cd "$(dirname "$0")"', *lines]) + "\n"


def _readme(
    endpoint: Endpoint, made: Sequence[tuple[str, ResourceFile]], hidden: Sequence[str], left_out: Sequence[str]
) -> str:
    split = endpoint.split
    lines = [
        f"# {endpoint.name}",
        "",
        "`sh apply.sh` makes it again with `az ml`; or take the zip to the Deploy page of Sluice, apply its files, and",
        "set the split on the Traffic page.",
        "",
        *(f"* `{path}`" for path, _ in made),
        "",
        f"Split: {_words(split.live) or 'no traffic'}; mirror: {_words(split.mirror) or 'none'}.",
        "",
        "Models, code and environments are named by what is registered in the workspace. Their files are not in here.",
        "The folder `azure` has what Azure Resource Manager answered, every field of it.",
        "Not in here: keys (a new endpoint gets new ones), autoscale settings, alert rules, diagnostic settings, logs.",
    ]
    if hidden:
        lines += ["", f"Hidden, so `az ml` refuses the files until they are filled in: {', '.join(hidden)}."]
    if left_out:
        lines += ["", "What `az ml` has no word for and is only in the folder `azure`:", "", *left_out]
    return "\n".join(lines) + "\n"


def _words(shares: Mapping[str, int]) -> str:
    return " ".join(f"{name}={percent}" for name, percent in shares.items())


def _without_split(document: Mapping[str, Any]) -> dict[str, Any]:
    properties = dict(document.get("properties") or {})
    for name in ("traffic", "mirrorTraffic"):
        properties.pop(name, None)
    return {**document, "properties": properties}


def _zipped(texts: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for path, text in texts.items():
            entry = zipfile.ZipInfo(path, _MADE_AT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            if path.endswith(".sh"):
                entry.external_attr = _SCRIPT
            file.writestr(entry, text)
    return buffer.getvalue()
