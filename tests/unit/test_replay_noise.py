"""Who stands alone, which fields are named, and what is asked again."""

from hypothesis import given
from hypothesis import strategies as st

from services.replay.noise import (
    AGAIN_FOR_FIELD,
    MOST_ASKED_AGAIN,
    MOST_FIELDS,
    Role,
    judge_fields,
    standing_alone,
    to_ask_again,
)

SAME: frozenset[str] = frozenset()
LABEL = frozenset({"$.label"})


def _alone(role: Role, times: int, field: str = "$.label") -> list[dict[str, Role]]:
    return [{field: role}] * times


def test_the_answer_that_differs_from_two_equal_ones_stands_alone() -> None:
    assert standing_alone(SAME, LABEL, LABEL) == ({"$.label": "candidate"}, ())
    assert standing_alone(LABEL, LABEL, SAME) == ({"$.label": "first"}, ())
    assert standing_alone(LABEL, SAME, LABEL) == ({"$.label": "second"}, ())


def test_nobody_stands_alone_where_all_three_differ() -> None:
    assert standing_alone(LABEL, LABEL, LABEL) == ({}, ("$.label",))


def test_a_field_in_which_only_the_candidate_differs_is_named() -> None:
    (field,) = judge_fields(_alone("candidate", 20), (), ())
    assert field.is_named
    assert not field.differs_by_itself


def test_a_field_in_which_each_answer_stands_alone_equally_often_is_not_named() -> None:
    triples = [*_alone("candidate", 20), *_alone("first", 20), *_alone("second", 20)]
    (field,) = judge_fields(triples, (), ())
    assert not field.is_named
    assert field.live_alone == 20


def test_a_field_in_which_all_differ_is_listed_as_differing_by_itself() -> None:
    (field,) = judge_fields((), (), ["$.id"] * 7)
    assert (field.field, field.unsettled, field.is_named, field.differs_by_itself) == ("$.id", 7, False, True)


def test_one_difference_is_named_once_it_came_again_each_time() -> None:
    once = _alone("candidate", 1)
    assert not judge_fields(once, (), ())[0].is_named
    assert judge_fields(once, _alone("candidate", AGAIN_FOR_FIELD), ())[0].is_named


def test_what_was_asked_again_does_not_choose_the_fields_that_are_tested() -> None:
    planned = [
        *({f"$.{number:03}": "first"} for number in range(MOST_FIELDS) for _ in range(2)),
        *_alone("candidate", 1),
    ]
    fields = judge_fields(planned, _alone("candidate", AGAIN_FOR_FIELD), ())  # type: ignore[arg-type]  # of literals
    assert "$.label" not in {field.field for field in fields}


def test_few_differences_are_asked_again_often_and_named_ones_not_at_all() -> None:
    planned: dict[int, dict[str, Role]] = {
        3: {"$.label": "candidate", "$.id": "first"},
        4: {"$.score": "candidate"},
        5: {"$.id": "second"},
    }
    assert to_ask_again(planned, frozenset()) == {3: AGAIN_FOR_FIELD, 4: AGAIN_FOR_FIELD}
    assert to_ask_again(planned, frozenset({"$.score"})) == {3: AGAIN_FOR_FIELD}


@given(
    st.dictionaries(
        st.integers(0, 50),
        st.dictionaries(st.sampled_from("abcdefghijkl"), st.sampled_from(["first", "second", "candidate"])),
    )
)
def test_no_more_is_asked_again_than_the_limit(planned: dict[int, dict[str, Role]]) -> None:
    chosen = to_ask_again(planned, frozenset())
    assert sum(chosen.values()) <= MOST_ASKED_AGAIN
    assert all("candidate" in planned[item].values() for item in chosen)
