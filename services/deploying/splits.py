"""The split that an endpoint's file asks for, against Azure's rules and the deployments that are there. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeGuard

from services.deploying.model import Document, Finding, Level
from services.model import Split, SplitError

_APPLY_TWICE = "Apply the files without traffic first, then move the traffic on the page Traffic."


def check_split(document: Document, there: Collection[str], coming: Collection[str]) -> list[Finding]:
    """What is wrong with the traffic of an endpoint's file.

    ``there`` are the names of its deployments, ``coming`` those of the same bundle, all in lower case. An endpoint is
    applied before its deployments, so traffic for one that is only coming is refused.
    """
    live, mirror = (_shares(document, name) for name in ("traffic", "mirror_traffic"))
    found = [
        *_unknown(document, "traffic", live, there, coming),
        *_unknown(document, "mirror_traffic", mirror, there, coming),
    ]
    # Each for itself, so that one that is wrong does not hide the other.
    wrong = []
    if _is_whole(document, "traffic"):
        wrong += _refused(document, "traffic", Split(live, {}))
    if _is_whole(document, "mirror_traffic"):
        wrong += _refused(document, "mirror_traffic", Split({}, mirror))
    if not wrong and len(set(live) & set(mirror)) > 0:
        wrong += _refused(document, "mirror_traffic", Split(live, mirror))
    return [*found, *wrong]


def _refused(document: Document, field: str, split: Split) -> list[Finding]:
    try:
        # Names that are not there have a finding of their own.
        split.check({*split.live, *split.mirror})
    except SplitError as error:
        what = f"Azure would refuse the traffic of {document.name}."
        return [Finding(Level.ERROR, "split", document.place(field), what, str(error), "Change the percentages.")]
    return []


def _unknown(
    document: Document, field: str, shares: Mapping[str, int], there: Collection[str], coming: Collection[str]
) -> list[Finding]:
    found = []
    for name in (name for name, share in shares.items() if share and name not in there):
        place = document.place(field, name)
        if name in coming:
            what = f"{name} is not there yet when the traffic is set."
            why = "An endpoint is made before its deployments, and Azure refuses traffic for one that does not exist."
            found.append(Finding(Level.ERROR, "split-too-early", place, what, why, _APPLY_TWICE))
        else:
            what = f"The traffic names {name}, and {document.name} has no such deployment."
            names = ", ".join(sorted({*there, *coming}))
            why = f"It has {names}." if names else "It has no deployments."
            found.append(Finding(Level.ERROR, "split-unknown", place, what, why, "Change the name, or take it out."))
    return found


def _shares(document: Document, field: str) -> Mapping[str, int]:
    """Shares by name in lower case, as azure-ai-ml sends them, without those that the schema refuses."""
    given = document.content.get(field)
    if not isinstance(given, Mapping):
        return {}
    return {str(name).lower(): share for name, share in given.items() if _is_share(share)}


def _is_whole(document: Document, field: str) -> bool:
    """Whether all shares of a field can be read, so that their sum can be judged."""
    given = document.content.get(field) or {}
    return isinstance(given, Mapping) and all(_is_share(each) for each in given.values())


def _is_share(share: object) -> TypeGuard[int]:
    return isinstance(share, int) and not isinstance(share, bool)
