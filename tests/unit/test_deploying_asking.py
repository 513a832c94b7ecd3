"""Questions to Azure have a limit of their own, and what is late is said and never taken for an answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.azure.usages import Usage, VmSize
from services.deploying import asking as asking_module
from services.deploying import bundles, starter
from services.deploying.asking import Asking, Gap, Question
from services.deploying.capacity import Offer
from services.deploying.checking import changes_in, judge
from services.deploying.facts import Facts
from services.deploying.model import Bundle, Level, Place
from services.errors import Timeout, Unreachable


class Clock:
    """Time that passes only when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hangs() -> Iterator[threading.Event]:
    """Questions that wait for it hang until the test is over."""
    over = threading.Event()
    yield over
    over.set()
    for thread in threading.enumerate():
        if thread.name == "deploy-question":
            thread.join(60)


def test_what_hangs_is_given_up_by_itself_and_the_others_are_answered(hangs: threading.Event) -> None:
    clock = Clock()
    asking = Asking(15, 40, clock)
    stuck = asking.ask(Question("quota", Place("a.yml", 3), lambda: hangs.wait(600)))
    quick = asking.ask(Question("your rights", Place(), lambda: 7))
    found = {}
    for each in asking.answers():
        if each is not None:
            found[each[0]] = each[1]
        if quick in found:
            assert asking.open in (("quota",), ())
            clock.now = 16
    assert found[quick] == 7
    gap = found[stuck]
    assert isinstance(gap, Gap)
    assert gap.is_late
    assert gap.error.what == "Azure did not answer within 15 s."
    assert gap.error.next_step == "Check again."


def test_more_questions_than_are_asked_at_once_end_together_when_azure_hangs(hangs: threading.Event) -> None:
    clock = Clock()
    asking = Asking(15, 40, clock)
    for number in range(50):
        asking.ask(Question(f"model {number}", Place(), lambda: hangs.wait(600)))
    began = len([each for each in threading.enumerate() if each.name == "deploy-question"])
    assert began < 50, "a large bundle does not start a thread for each of its models at once"
    clock.now = 41
    gaps = [each for each in asking.answers() if each is not None]
    assert len(gaps) == 50
    assert {gap.error.what for _, gap in gaps} == {"Azure did not answer within 40 s."}
    assert asking.open == ()


def test_a_longer_limit_of_one_question_is_none_that_all_together_would_break(
    hangs: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking_module, "ALL_SECONDS", 40.0)
    clock = Clock()
    asking = Asking(90, clock=clock)
    asking.ask(Question("quota", Place(), lambda: hangs.wait(600)))
    clock.now = 89
    assert next(asking.answers()) is None
    clock.now = 91
    (found,) = [each for each in asking.answers() if each is not None]
    assert found[1].error.what == "Azure did not answer within 90 s."


def test_a_failure_is_a_gap_and_a_mistake_of_our_own_is_raised() -> None:
    asking = Asking()

    def refused() -> None:
        raise Unreachable("It could not be read.", "Nobody answered.", "Try again.")

    asking.ask(Question("quota", Place(), refused))
    [(_, gap)] = [each for each in asking.answers() if each is not None]
    assert isinstance(gap.error, Unreachable)
    assert not gap.is_late
    asking.ask(Question("quota", Place(), lambda: 1 // 0))
    with pytest.raises(ZeroDivisionError):
        list(asking.answers())


def _late(subject: str, place: Place) -> Gap:
    return Gap(
        Question(subject, place, lambda: None), Timeout("Azure did not answer within 15 s.", "Slow.", "Check again.")
    )


def test_what_was_late_is_told_beside_what_it_is_about() -> None:
    here, there = Place("d.yml", 9), Place("d.yml", 4)
    facts = Facts(gaps=(_late("quota", here), _late("instance types", here), _late("model azureml:m:1", there)))
    bundle = Bundle(Path(), (), ())
    found = judge(bundle, facts)
    assert [(each.level, each.code) for each in found] == [(Level.WARNING, "not-checked")] * 2
    assert [(each.what, each.place) for each in found] == [
        ("Not checked: quota, instance types.", here),
        ("Not checked: model azureml:m:1.", there),
    ]
    assert {each.fix for each in found} == {"Check again."}


def test_what_fails_all_the_same_way_is_told_once() -> None:
    error = Unreachable("Azure could not be reached.", "Nobody answered.", "Try again.")
    places = (Place("d.yml", 9), Place("d.yml", 4))
    facts = Facts(gaps=tuple(Gap(Question(f"{each.line}", each, lambda: None), error) for each in places))
    [found] = judge(Bundle(Path(), (), ()), facts)
    assert (found.what, found.place) == ("Not checked: 9, 4.", Place())


def test_nothing_is_said_of_cores_or_changes_while_nobody_knows_what_is_there(tmp_path: Path) -> None:
    for name, text in starter.files("my-endpoint", True).items():
        (tmp_path / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "files" / name).write_text(text)
    bundle = bundles.from_folder(tmp_path / "files", tmp_path)
    size = VmSize("Standard_DS3_v2", "standardDSv2Family", 4, 0, 14.0)
    offer = Offer("westeurope", (size,), (Usage("standardDSv2Family", 0, 4),))
    unread = Facts(offer=offer, unread=frozenset({"my-endpoint"}))
    assert not {"quota", "quota-fits"} & {each.code for each in judge(bundle, unread)}
    assert changes_in(bundle, unread) == ()
    known = Facts(endpoints={"my-endpoint": None}, deployments={"my-endpoint": ()}, offer=offer)
    assert "quota" in {each.code for each in judge(bundle, known)}
    assert [each.exists for each in changes_in(bundle, known)] == [False, False]
