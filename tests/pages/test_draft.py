"""What a person prepares: wishes from elsewhere, two people at once, and presets. Rules without a screen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from services.model import Split
from services.traffic import presets
from services.traffic.plan import plan
from services.traffic.preflight import Finding
from services.traffic.presets import CANARY_PERCENTS, Wish
from tests.values import deployments, endpoint
from ui.labels import listed, plain
from ui.traffic import conflict, draft, plan_view, preflight_view, presets_view
from ui.traffic.split_editor import numbered
from ui.turns import Turns

NAMES = ("blue", "green", "red")
BEGAN = Split({"blue": 90, "red": 10}, {"green": 20})


def test_mine_on_top_of_theirs_takes_each_side_from_whoever_changed_it() -> None:
    mine = Split({"blue": 50, "red": 50}, {"green": 20})
    assert draft.merged(BEGAN, mine, Split(BEGAN.live)) == Split(mine.live), "their end of the mirror is kept"
    assert draft.merged(BEGAN, Split(BEGAN.live, {"green": 5}), Split({"red": 100})) == Split(
        {"red": 100}, {"green": 5}
    )


def test_a_mirror_never_stays_on_a_deployment_that_gets_live_traffic() -> None:
    assert draft.merged(BEGAN, Split({"green": 100}), Split(BEGAN.live, {"green": 5})) == Split({"green": 100})


@given(st.data())
def test_every_press_of_a_preset_leaves_a_legal_split(data: st.DataObject) -> None:
    mine = draft.follow(None, BEGAN, NAMES)
    for _ in range(data.draw(st.integers(1, 8))):
        now, name = Wish(mine.live, mine.mirror_target, mine.mirror_percent), data.draw(st.sampled_from(NAMES))
        wishes = [presets.all_to(now, name), presets.even(now), presets.zero(now), presets.swap(now)]
        wishes.append(presets.canary(now, name, data.draw(st.sampled_from(CANARY_PERCENTS))))
        wish = data.draw(st.sampled_from([wish for wish in wishes if wish is not None]))
        presets_view.apply(mine, wish)
        mine.wanted().check(NAMES)
        plan(endpoint(dict(BEGAN.live), dict(BEGAN.mirror)), deployments(*NAMES), mine.live, *mine.mirror(BEGAN))


def test_a_restored_split_is_no_restoring_once_it_is_changed() -> None:
    mine = draft.follow(None, BEGAN, NAMES)
    mine.restores, mine.restored = "entry", Split({"blue": 100})
    assert mine.restoring == ""
    mine.set_all({"blue": 100})
    mine.set_mirror(None, 0)
    assert mine.restoring == "entry"
    mine.set_share("red", 1)
    assert mine.restoring == ""


def test_a_draft_tells_which_deployments_of_its_wish_are_gone() -> None:
    mine = draft.follow(None, BEGAN, (*NAMES, "teal"))
    mine.set_share("teal", 10)
    after = draft.follow(mine, BEGAN, NAMES)
    assert (after.gone, after.is_touched, after.identity) == (("teal",), False, mine.identity)


def test_the_numbers_of_few_deployments_are_all_in_sight_and_of_many_those_with_traffic() -> None:
    assert numbered(draft.follow(None, BEGAN, NAMES)) == (list(NAMES), [])
    many = draft.follow(None, BEGAN, (*NAMES, *(f"part-{number}" for number in range(9))))
    assert numbered(many)[0] == ["blue", "red"]
    many.set_share("part-3", 40)
    assert numbered(many)[0] == ["blue", "red"], "a field does not move away from who types in it"


def test_what_stands_on_the_bar_stays_there_while_it_is_moved() -> None:
    many = draft.follow(None, BEGAN, (*NAMES, *(f"part-{number}" for number in range(9))))
    assert many.bar == ("blue", "red")
    many.move({**many.live, "blue": 100, "red": 0}, 1)
    assert many.bar == ("blue", "red")
    before = many.revision
    many.set_share("blue", 100)
    assert (many.bar, many.revision) == (("blue", "red"), before), "nothing new was said"
    many.set_share("part-3", 40)
    assert many.bar == ("blue", "part-3")
    assert draft.follow(None, BEGAN, NAMES).bar == NAMES, "few all stand there"


def test_a_conflict_shows_three_sides_and_what_is_not_known() -> None:
    table = conflict.rows(BEGAN, None, Split({"blue": 100}))
    said = {row.id: [cell.text for cell in row.cells[1:]] for row in table}
    assert said == {
        "blue": ["90 %", "not known", "100 %"],
        "green": ["mirror 20 %", "not known", "0 %"],
        "red": ["10 %", "not known", "0 %"],
    }


def test_a_plan_without_mirror_has_no_columns_for_one() -> None:
    made = plan(endpoint({"blue": 100}), deployments("blue", "green"), {"blue": 90, "green": 10}, None, 0)
    assert [len(row.cells) for row in plan_view.rows(made, deployments("blue", "green"), {})] == [4, 4]
    assert "Begins to answer callers: 10 of 100 requests" in plan_view.callers(made, {})


def test_findings_are_text_and_what_is_unknown_stands_apart() -> None:
    found = (Finding("probes", "blue", "<b>blue</b>", "x & y"), Finding("unknown", None, "load", "no metrics"))
    drawn = preflight_view.listed(found)
    assert "&lt;b&gt;blue&lt;/b&gt;" in drawn
    assert "Not judged: 1" in drawn
    assert "Nothing that Sluice can see" not in drawn
    assert "Nothing that Sluice can see" in preflight_view.listed(())


def test_names_in_labels_are_shown_as_they_are() -> None:
    assert plain("a_b*c") == r"a\_b\*c"
    assert plain("blue-v2") == "blue-v2", "a screen reader would read the backslash"
    assert listed(["a", "b", "c"]) == "a, b and c"


def test_a_fragment_knows_when_it_runs_by_itself() -> None:
    turns = Turns()
    assert [turns.is_by_itself() for _ in range(3)] == [False, True, True]


def test_a_control_that_something_else_has_changed_is_a_new_one_and_one_in_use_stays() -> None:
    def script() -> None:
        import streamlit as st

        from ui.traffic.controls import Control, showing

        value = st.session_state.setdefault("value", 10)
        control = showing("share", value)
        st.number_input(
            "share",
            0,
            100,
            key=control.key,
            on_change=lambda: st.session_state.update(value=st.session_state[control.key]),
        )
        st.text([Control("share").is_in_use, control.is_in_use])

    app = AppTest.from_function(script).run()
    field = app.number_input[0]
    assert (field.key, field.value) == ("share", 10)
    field.set_value(15).run()
    assert (app.number_input[0].key, app.number_input[0].value) == ("share", 15)
    app.session_state["value"] = 30
    app.run()
    assert (app.number_input[0].key, app.number_input[0].value) == ("share:1", 30)
    assert app.text[0].value == "[False, True]"
    app.number_input[0].set_value(31).run()
    assert (app.number_input[0].key, app.session_state["value"]) == ("share:1", 31)
