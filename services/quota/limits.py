"""The two limits that cores count against, their family's and that of all families together, and which one binds. Pure.

Source: how-to-manage-quotas, "Azure Machine Learning compute": cores are limited by family and in total, for each
region of a subscription.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from services.azure.usages import Usage
from services.quota.cores import Need


@dataclass(frozen=True)
class Limit:
    """A limit, and ``more`` cores that are to be taken of it. ``before`` are those that something else takes first, or
    gives back when it is below zero."""

    usage: Usage
    more: int
    before: int = 0

    @property
    def free(self) -> int:
        """Cores that are left; below zero when more are in use than is allowed."""
        return (self.usage.limit or 0) - self.usage.used - self.before

    @property
    def rest(self) -> int:
        """Cores that stay free afterwards; below zero they are too few."""
        return self.free - self.more

    @property
    def name(self) -> str:
        """What is limited."""
        return "all families of the region together" if self.usage.is_total else f"the family {self.usage.family}"

    @property
    def sums(self) -> str:
        """The arithmetic: "100 − 20 = 80"."""
        before = f" {'−' if self.before > 0 else '+'} {abs(self.before)}" if self.before else ""
        return f"{self.usage.limit} − {self.usage.used}{before} = {self.free}"


def binding(
    family: str,
    usages: Iterable[Usage],
    more: Callable[[Usage], int],
    before: Callable[[Usage], int] = lambda _: 0,
) -> Limit | None:
    """The tighter one of the limits that cores of ``family`` count against; None when Azure tells neither.

    ``more`` is what is to be taken of each, ``before`` what something else takes first.
    """
    found = [
        Limit(each, more(each), before(each))
        for each in usages
        if each.limit is not None and (each.is_total or each.family.lower() == family.lower())
    ]
    return min(found, key=lambda each: (each.rest, each.usage.is_total), default=None)


def fits(wanted: Need, usages: Sequence[Usage]) -> tuple[str, bool]:
    """Whether a new deployment like ``wanted`` fits, in a sentence with the arithmetic, and as a word: False when it is
    known not to."""
    asked = f"{wanted.instances} × {wanted.size.name}: {wanted.words} cores."
    limit = binding(wanted.size.family, usages, lambda _: wanted.cores)
    if limit is None:
        return f"{asked} Azure tells no limit for {wanted.size.family or 'its family'}.", True
    name = limit.name[0].upper() + limit.name[1:]
    free = f"{name} {'have' if limit.usage.is_total else 'has'} {limit.sums} free."
    if limit.rest < 0:
        return f"{asked} {free} {-limit.rest} too few.", False
    what = "It fits" if any(each.is_total for each in usages) else "It fits its family"
    return f"{asked} {free} {what}, and {limit.rest} stay free.", True
