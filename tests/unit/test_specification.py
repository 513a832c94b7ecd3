"""Two deployments' settings side by side."""

from __future__ import annotations

from services.resources.specification import Line, compare
from tests import resources
from tests.values import WORKSPACE

CODE = f"{WORKSPACE}/codes/{{}}/versions/1"


def by_label(lines: tuple[Line, ...]) -> dict[str, Line]:
    return {line.label: line for line in lines}


def test_a_difference_is_marked_and_what_is_alike_is_not() -> None:
    left = resources.deployment(model=f"{WORKSPACE}/models/digits/versions/1", top={"sku": {"capacity": 1}})
    right = resources.deployment("green", model=f"{WORKSPACE}/models/digits/versions/2", top={"sku": {"capacity": 1}})
    lines = by_label(compare(left, right))
    assert lines["Model"].values == ("digits:1", "digits:2")
    assert lines["Model"].is_different
    assert lines["Instances"].values == ("1", "1")
    assert not lines["Instances"].is_different
    assert not any(line.is_different for line in compare(left, left))


def test_names_ids_and_states_are_no_settings() -> None:
    left = resources.deployment(properties={"AzureAsyncOperationUri": "one"}, top={"systemData": {"createdBy": "a"}})
    right = resources.deployment("green", provisioningState="Failed")
    assert [line.label for line in compare(left, right)] == ["Instance type"]


def test_the_same_duration_in_two_spellings_is_the_same() -> None:
    left = resources.deployment(requestSettings={"requestTimeout": "PT60S"})
    right = resources.deployment("green", requestSettings={"requestTimeout": "PT1M"})
    line = by_label(compare(left, right))["Request timeout"]
    assert (line.values, line.is_different) == (("60 s", "60 s"), False)


def test_two_uploads_with_names_that_begin_alike_still_differ() -> None:
    left = resources.deployment(codeConfiguration={"codeId": CODE.format("0" * 31 + "1")})
    right = resources.deployment("green", codeConfiguration={"codeId": CODE.format("0" * 31 + "2")})
    line = by_label(compare(left, right))["Code"]
    assert line.values == ("uploaded 0000000", "uploaded 0000000")
    assert line.is_different
    assert line.full[0] != line.full[1]


def test_secrets_are_compared_and_not_shown() -> None:
    left = resources.deployment(environmentVariables={"API_KEY": "one", "SAME_KEY": "three", "MODE": "fast"})
    right = resources.deployment("green", environmentVariables={"API_KEY": "two", "SAME_KEY": "three"})
    lines = by_label(compare(left, right))
    assert lines["Variable API_KEY"] == Line("Variable API_KEY", ("hidden",) * 2, ("hidden",) * 2, True)
    assert not lines["Variable SAME_KEY"].is_different
    assert lines["Variable MODE"].values == ("fast", "")
    assert not {"one", "two", "three"} & {text for line in lines.values() for text in line.values + line.full}


def test_variables_that_azure_adds_are_left_out() -> None:
    left = resources.deployment(
        codeConfiguration={"codeId": "c", "scoringScript": "score.py"},
        environmentVariables={"AML_APP_ROOT": "/var/azureml-app/1", "AZUREML_ENTRY_SCRIPT": "score.py"},
    )
    right = resources.deployment("green", codeConfiguration={"codeId": "c", "scoringScript": "score.py"})
    assert not any(line.is_different for line in compare(left, right))


def test_fields_that_nobody_knew_are_compared_under_their_path() -> None:
    left = resources.deployment(tomorrow={"mode": [1, 2]}, top={"tags": {"a.b": "1"}})
    right = resources.deployment("green", tomorrow={"mode": [1, 3]})
    lines = by_label(compare(left, right))
    assert lines["tomorrow.mode"].values == ("[1, 2]", "[1, 3]")
    assert lines["Tag a.b"].values == ("1", "")


def test_deployments_without_any_setting_have_nothing_to_compare() -> None:
    left, right = resources.deployment(instanceType=None), resources.deployment("green", instanceType=None)
    assert compare(left, right) == ()
