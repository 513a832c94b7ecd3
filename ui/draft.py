"""The split that a person is preparing on the Traffic page, before it becomes a plan.

It lives in the session, one per endpoint, and follows Azure until the person changes something.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import streamlit as st

from services.model import Endpoint, Split
from services.traffic.plan import balance


@dataclass
class Draft:
    """The wished shares. ``base`` is what Azure held when the person began.

    ``sequence`` is that of the last move of the slider it contains; ``revision`` grows when the shares were changed by
    anything else, which tells the slider to follow.
    """

    base: Split
    live: dict[str, int]
    mirror_target: str | None
    mirror_percent: int
    sequence: int = 0
    revision: int = 0
    known: tuple[str, ...] = field(default=())

    @property
    def is_touched(self) -> bool:
        """Whether the person wishes something else than what Azure held when they began."""
        return self.wanted() != self.base

    def wanted(self) -> Split:
        """The wished split. A mirror target that has been given live traffic is mirrored no longer."""
        target = self.mirror_target
        mirror = {target: self.mirror_percent} if target and not self.live.get(target) else {}
        return Split(self.live, mirror)

    def mirror(self, held: Split) -> tuple[str | None, int]:
        """The mirror to plan for: target and percentage.

        A target that has been given live traffic stays named only when Azure mirrors to it now, so that the plan can
        say that its mirrored traffic ends.
        """
        target = self.mirror_target
        if target is None or not self.mirror_percent:
            return None, 0
        if self.live.get(target) and target != held.mirror_target:
            return None, 0
        return target, self.mirror_percent

    def set_share(self, name: str, percent: int) -> None:
        """Give one deployment a share; the others keep their ratios and the sum stays 100."""
        self.live = balance(self.live, name, percent)
        self.revision += 1

    def set_all(self, shares: Mapping[str, int]) -> None:
        """Replace the live shares; deployments that are not named get none."""
        self.live = {name: shares.get(name, 0) for name in self.known}
        self.revision += 1

    def mirror_candidates(self) -> list[str]:
        """The deployments that may receive copies: those without live traffic."""
        return [name for name in self.known if not self.live.get(name)]


def start(split: Split, names: Sequence[str]) -> Draft:
    """A draft that wishes for what is already there."""
    known = tuple(sorted({*names, *split.live, *split.mirror}))
    return Draft(
        base=split,
        live={name: split.live_percent(name) for name in known},
        mirror_target=split.mirror_target,
        mirror_percent=split.mirror_percent,
        known=known,
    )


def follow(draft: Draft | None, split: Split, names: Sequence[str]) -> Draft:
    """The draft to show for what Azure holds now: the person's own when it still says something new, else a fresh one.

    The fresh one continues the old one's revisions, so that the slider in the browser notices it.
    """
    fresh = start(split, names)
    if draft is None:
        return fresh
    if draft.known == fresh.known and draft.is_touched and draft.wanted() != split:
        return draft
    if draft.known == fresh.known and draft.base == split and not draft.is_touched:
        return draft
    fresh.sequence, fresh.revision = draft.sequence, draft.revision + 1
    wished = draft.wanted()
    if draft.is_touched and {*wished.live, *wished.mirror} <= set(fresh.known) and wished != split:
        # Deployments came or went that nothing was wished for: the wish itself is still good.
        fresh.base, fresh.live = draft.base, {name: wished.live_percent(name) for name in fresh.known}
        fresh.mirror_target, fresh.mirror_percent = draft.mirror_target, draft.mirror_percent
        if fresh.mirror_target not in fresh.known:
            fresh.mirror_target, fresh.mirror_percent = None, 0
    return fresh


def of(endpoint: Endpoint, names: Sequence[str]) -> Draft:
    """The draft of this session for ``endpoint``."""
    key = _key(endpoint.name)
    draft = follow(st.session_state.get(key), endpoint.split, names)
    st.session_state[key] = draft
    return draft


def drop(endpoint_name: str) -> None:
    """Forget what was wished: the draft follows Azure again."""
    draft: Draft | None = st.session_state.get(_key(endpoint_name))
    if draft is not None:
        fresh = start(draft.base, draft.known)
        fresh.sequence, fresh.revision = draft.sequence, draft.revision + 1
        st.session_state[_key(endpoint_name)] = fresh


def _key(endpoint_name: str) -> str:
    return f"draft:{endpoint_name}"
