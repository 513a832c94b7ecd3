"""What is said of a registered asset that is not there."""

from __future__ import annotations

import pytest

from services.azure.missing_assets import Alternatives, alike, words


@pytest.mark.parametrize(
    ("instead", "told"),
    [
        (
            Alternatives(("3", "2")),
            ("The model nope has no version 9.", "Its newest versions are 3, 2.", "Write nope:3."),
        ),
        (Alternatives(("3",)), ("The model nope has no version 9.", "Its only version is 3.", "Write nope:3.")),
        (
            Alternatives(),
            ("There is no model nope, version 9.", "No model is registered in the workspace.", "Register it first."),
        ),
        (
            Alternatives((), ("rope",), "rope:4"),
            ("There is no model nope, version 9.", "The workspace has rope.", "Did you mean rope:4?"),
        ),
        (
            Alternatives((), ("d", "b", "c", "a")),
            (
                "There is no model nope, version 9.",
                "The workspace has 4 others, such as a, b, c.",
                "Register it first, or name one that is there.",
            ),
        ),
    ],
)
def test_what_is_missing_is_named_with_what_there_is(instead: Alternatives, told: tuple[str, str, str]) -> None:
    assert words("models", "nope", "9", instead) == told


def test_another_workspace_is_named_and_the_newest_version_has_no_number() -> None:
    found = words("environments", "nope", "", Alternatives(), "lab")
    assert found[0] == "There is no environment nope in lab."


@pytest.mark.parametrize(
    ("name", "meant"),
    [("digit", "digits"), ("Digits", "digits"), ("wine", "wine-forest"), ("digits-v2", "digits"), ("zebra", "")],
)
def test_the_name_that_is_most_alike_is_found(name: str, meant: str) -> None:
    assert alike(name, ("wine-forest", "wine-forest-large", "digits")) == meant
