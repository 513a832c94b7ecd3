"""The split that a person is preparing on the Traffic page, before it becomes a plan.

It lives in the session, one per endpoint, and follows Azure until the person changes something.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

import streamlit as st

from services.model import Endpoint, Split
from services.traffic.plan import balance
from ui.components.traffic_slider import ALL_ON_THE_BAR


@dataclass
class Draft:
    """The wished shares. ``base`` is what Azure held when the person began.

    ``sequence`` is that of the last move of the slider it contains; ``revision`` grows when the shares were changed by
    anything else, which tells the slider to follow; ``identity`` tells the slider one draft from another, and ``bar``
    names those that stand on it. ``restores`` is the entry of the journal that ``restored`` comes from. ``gone`` names
    the deployments that a wish was dropped for, because they no longer exist.
    """

    base: Split
    live: dict[str, int]
    mirror_target: str | None
    mirror_percent: int
    sequence: int = 0
    revision: int = 0
    known: tuple[str, ...] = field(default=())
    restores: str = ""
    restored: Split | None = None
    gone: tuple[str, ...] = ()
    identity: str = field(default_factory=lambda: uuid4().hex)
    bar: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._fill_bar()

    @property
    def is_touched(self) -> bool:
        """Whether the person wishes something else than what Azure held when they began."""
        return self.wanted() != self.base

    @property
    def restoring(self) -> str:
        """The entry of the journal that this draft restores exactly, "" once the person changed anything."""
        return self.restores if self.restored == self.wanted() else ""

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
        if percent != self.live.get(name):
            self.live = balance(self.live, name, percent)
            self.revision += 1
            self._fill_bar()

    def set_all(self, shares: Mapping[str, int]) -> None:
        """Replace the live shares; deployments that are not named get none."""
        self.live = {name: shares.get(name, 0) for name in self.known}
        self.revision += 1
        self._fill_bar()

    def move(self, shares: Mapping[str, int], sequence: int) -> None:
        """Take the shares of a move of the slider. What stood on its bar stays there, under the person's hand."""
        self.live, self.sequence = dict(shares), sequence

    def _fill_bar(self) -> None:
        few = len(self.known) <= ALL_ON_THE_BAR
        self.bar = tuple(name for name in self.known if few or self.live.get(name))

    def set_mirror(self, target: str | None, percent: int) -> None:
        """Copy ``percent`` of the live requests to ``target``; None or 0 copies nothing."""
        self.mirror_target, self.mirror_percent = (target, percent) if target and percent else (None, 0)

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
    fresh = _next(fresh, draft)
    wished = draft.wanted()
    if not draft.is_touched or wished == split:
        return fresh
    gone = {*wished.live, *wished.mirror} - set(fresh.known)
    if gone:
        return replace(fresh, gone=tuple(sorted(gone)))
    # Deployments came or went that nothing was wished for: the wish itself is still good.
    target = draft.mirror_target if draft.mirror_target in fresh.known else None
    return replace(
        fresh,
        base=draft.base,
        live={name: wished.live_percent(name) for name in fresh.known},
        mirror_target=target,
        mirror_percent=draft.mirror_percent if target else 0,
        restores=draft.restores,
        restored=draft.restored,
    )


def merged(base: Split, mine: Split, theirs: Split) -> Split:
    """``theirs`` with what ``mine`` changed from ``base``: the live shares, the mirror, or both. Pure.

    What a person left alone is taken from the other, so that nobody's change is undone unasked. Live shares go
    together, because they add up. A mirror target that gets live traffic by it is mirrored no longer.
    """
    live = mine.live if mine.live != base.live else theirs.live
    mirror = mine.mirror if mine.mirror != base.mirror else theirs.mirror
    return Split(live, {name: percent for name, percent in mirror.items() if not live.get(name)})


def of(endpoint: Endpoint, names: Sequence[str]) -> Draft:
    """The draft of this session for ``endpoint``."""
    draft = follow(st.session_state.get(_key(endpoint)), endpoint.split, names)
    st.session_state[_key(endpoint)] = draft
    return draft


def wish(endpoint: Endpoint, split: Split, restores: str = "") -> None:
    """Wish for ``split`` on the Traffic page, as if the person had set it there. It still is planned and judged there.

    ``restores`` is the entry of the journal that the split comes from.
    """
    fresh = start(endpoint.split, [*split.live, *split.mirror])
    draft = replace(
        fresh,
        live={name: split.live_percent(name) for name in fresh.known},
        mirror_target=split.mirror_target,
        mirror_percent=split.mirror_percent,
        restores=restores,
        restored=split,
    )
    old: Draft | None = st.session_state.get(_key(endpoint))
    st.session_state[_key(endpoint)] = _next(draft, old) if old else draft


def drop(endpoint: Endpoint) -> None:
    """Forget what was wished: the draft follows Azure again."""
    draft: Draft | None = st.session_state.get(_key(endpoint))
    if draft is not None:
        st.session_state[_key(endpoint)] = _next(start(endpoint.split, draft.known), draft)


def _next(draft: Draft, old: Draft) -> Draft:
    return replace(
        draft,
        sequence=old.sequence,
        revision=old.revision + 1,
        identity=old.identity,
    )


def _key(endpoint: Endpoint) -> str:
    return f"draft:{endpoint.id.lower()}"
