"""Whether Azure can give the instances that a setting asks for, and what it does at once. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from services.autoscale.by_hand import at_once
from services.autoscale.remark import Remark, Situation
from services.autoscale.settings import Profile, Setting
from services.deploying.model import Level


def check(setting: Setting, known: Situation) -> Iterator[Remark]:
    """Everything about the numbers of instances against the present number and the quota."""
    if known.instances is None:
        return
    moves = at_once(setting, known.instances, known.now)
    if moves:
        why = f"It goes {moves} at once, within a minute or so: limits count always, whatever the rules say."
        what = "The number of instances changes with the save."
        fix = "Keep the present number within the limits if that is not meant."
        yield Remark(Level.NOTE, "at-once", what, why, fix)
    if known.quota is None:
        return
    if known.quota.problem:
        what, fix = "Whether the quota has room was not checked.", "Look at the Quota page."
        yield Remark(Level.NOTE, "room-unknown", what, known.quota.problem, fix)
    for profile in setting.profiles:
        yield from _profile(profile, known)


def _profile(profile: Profile, known: Situation) -> Iterator[Remark]:
    """The first of the three numbers that there is no room for: the later ones are larger."""
    assert known.instances is not None
    assert known.quota is not None
    minimum = "Azure Monitor tries in vain, and the deployment stays where it is."
    for count, code, what, then, level in (
        (profile.minimum, "minimum-room", "The minimum has no room in the quota.", minimum, Level.ERROR),
        (
            profile.default,
            "default-room",
            "The number without metrics has no room in the quota.",
            "Without metrics it stays where it is.",
            Level.WARNING,
        ),
        (
            profile.maximum,
            "maximum-room",
            "The maximum has no room in the quota.",
            "When the load asks for so many, Azure cannot start them.",
            Level.WARNING,
        ),
    ):
        lacks = known.quota.lacks(known.instances, count) if count is not None else ""
        if count is not None and lacks:
            most = known.quota.most(known.instances, count)
            fix = f"Use {most} or less, ask for more quota, or delete what nobody uses."
            yield Remark(level, code, what, f"{lacks} {then}", fix, profile.name)
            return
