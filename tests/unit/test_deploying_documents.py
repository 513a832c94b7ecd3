"""YAML of endpoints and deployments: what is read, and what is said of what is wrong, in which line."""

from __future__ import annotations

import pickle
import struct
import tempfile
import zlib
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from services.deploying import documents, located_yaml
from services.deploying.documents import decoded, find, parse
from services.deploying.located_yaml import BadYaml, read
from services.deploying.model import Finding, Kind, Level
from services.deploying.schema import name_problem

ENDPOINT = "name: whats-in-a-name\nauth_mode: key\n"
DEPLOYMENT = """name: blue
endpoint_name: whats-in-a-name
model:
  path: ./model
code_configuration:
  code: ./code
  scoring_script: score.py
environment:
  conda_file: ./conda.yml
  image: mcr.microsoft.com/azureml/minimal-py311-inference:latest
instance_type: Standard_DS3_v2
instance_count: 1
"""
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def wrong_in(text: str, base: str = DEPLOYMENT) -> list[Finding]:
    return parse(base + text, "a.yml")[1]


def told(text: str, base: str = DEPLOYMENT) -> list[tuple[str, str, int]]:
    """Level, code and line of each finding."""
    return [(each.level.value, each.code, each.place.line) for each in wrong_in(text, base)]


def test_good_files_have_no_findings() -> None:
    assert told("") == []
    assert told("", ENDPOINT) == []
    for sample in sorted(Path("samples").rglob("*.yml")):
        assert parse(sample.read_text(), sample.name, is_alone=False)[1] == [], sample


def test_every_field_knows_its_line() -> None:
    [document], _ = parse("# a comment\n" + DEPLOYMENT, "a.yml")
    assert document.place("environment", "image").line == 11
    assert document.place("environment").line == 9
    assert document.place("environment", "nowhere", "deeper").line == 9
    assert document.place().line == 2


def test_several_documents_of_one_file_keep_their_own_lines() -> None:
    found, wrong = parse(f"{DEPLOYMENT}---\n{ENDPOINT}typo: 1\n", "a.yml")
    assert [each.kind for each in found] == [Kind.DEPLOYMENT, Kind.ENDPOINT]
    assert found[1].place("auth_mode").line == 15
    assert [(each.code, each.place.line) for each in wrong] == [("field-unknown", 16)]


def test_endpoints_come_first_and_conda_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a-blue.yml").write_text(DEPLOYMENT)
    (tmp_path / "z-endpoint.yaml").write_text(ENDPOINT)
    (tmp_path / "conda.yml").write_text("name: scoring\ndependencies: [python=3.11]\n")
    (tmp_path / "broken-data.yml").write_text("a: [1\n")
    found, wrong = find(tmp_path, ["a-blue.yml", "z-endpoint.yaml", "conda.yml", "broken-data.yml"])
    assert [each.name for each in found] == ["whats-in-a-name", "blue"]
    assert wrong == ()


@pytest.mark.parametrize(
    ("schema", "kind"),
    [("managedOnlineEndpoint", Kind.ENDPOINT), ("managedOnlineDeployment", Kind.DEPLOYMENT)],
)
def test_the_schema_line_decides_the_kind(schema: str, kind: Kind) -> None:
    text = f"$schema: https://azuremlschemas.azureedge.net/latest/{schema}.schema.json\nname: abc\n"
    assert [each.kind for each in parse(text, "a.yml")[0]] == [kind]


@pytest.mark.parametrize("schema", ["kubernetesOnlineDeployment", "batchEndpoint", "kubernetesOnlineEndpoint"])
def test_other_kinds_are_named_and_not_deployed(schema: str) -> None:
    text = f"$schema: https://azuremlschemas.azureedge.net/latest/{schema}.schema.json\nname: abc\n"
    found, wrong = parse(text, "a.yml")
    assert found == []
    assert [(each.code, each.place.line) for each in wrong] == [("other-kind", 1)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("instance_cuont: 2\n", ("error", "field-unknown", 13)),
        ("instanceCount: 2\n", ("error", "field-unknown", 13)),
        ("traffic: {blue: 100}\n", ("error", "field-unknown", 13)),
        ("scoring_script: score.py\n", ("error", "field-unknown", 13)),
        ("request_settings:\n  request_timeout_ms: 180001\n", ("error", "value-too-large", 14)),
        ("request_settings:\n  request_timeout_ms: soon\n", ("error", "field-type", 14)),
        ("request_settings:\n  max_queue_wait_ms: 500\n", ("note", "field-old", 14)),
        ("request_settings: 5\n", ("error", "field-type", 13)),
        ("liveness_probe:\n  period: 0\n", ("error", "value-too-small", 14)),
        ("readiness_probe:\n", ("error", "field-empty", 13)),
        ("app_insights_enabled: maybe\n", ("error", "field-type", 13)),
        ("egress_public_network_access: sometimes\n", ("error", "value-not-allowed", 13)),
        ("environment_variables: A=1\n", ("error", "field-type", 13)),
        ("environment_variables:\n  DEBUG: true\n", ("warning", "value-not-text", 14)),
        ("environment_variables:\n  WORKERS: 4\n", ("note", "value-not-text", 14)),
        ("environment_variables:\n  LIST: [1]\n", ("error", "field-type", 14)),
        ("environment_variables:\n  NOTHING:\n", ("warning", "value-not-text", 14)),
        ("tags:\n  on: x\n", ("warning", "name-not-text", 14)),
        ("description: 3\n", ("error", "field-type", 13)),
        ("provisioning_state: Succeeded\n", ("note", "field-of-azure", 13)),
        ("type: kubernetes\n", ("error", "other-kind", 13)),
        ("scale_settings:\n  type: target_utilization\n", ("warning", "scale-settings", 13)),
        ("scale_settings:\n  type: default\n  min_instances: 1\n", ("error", "field-unknown", 15)),
        (
            "data_collector:\n  collections:\n    model_inputs:\n      enabled: true\n",
            ("error", "field-type", 16),
        ),
        ("data_collector:\n  collections: {}\n  sampling_rate: 1.5\n", ("error", "value-too-large", 15)),
        ("data_collector:\n  sampling_rate: 1\n", ("error", "field-missing", 13)),
        ("description: a\ndescription: b\n", ("warning", "field-twice", 14)),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, expected: tuple[str, str, int]) -> None:
    assert told(text) == [expected]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("name: blue", "name: b", ("error", "name-too-short", 1)),
        ("name: blue", f"name: {'b' * 33}", ("error", "name-too-long", 1)),
        ("name: blue", "name: 1blue", ("error", "name-characters", 1)),
        ("name: blue", "name: blue_one", ("error", "name-characters", 1)),
        ("name: blue", "name: Blue", ("note", "name-upper-case", 1)),
        ("name: blue", "name: 2024-01-01", ("error", "field-type", 1)),
        ("name: blue\n", "", ("error", "field-missing", 1)),
        ("instance_type: Standard_DS3_v2\n", "", ("error", "field-missing", 1)),
        ("instance_count: 1", "instance_count: 0", ("error", "value-too-small", 12)),
        ("instance_count: 1", "instance_count: -1", ("error", "value-too-small", 12)),
        ("instance_count: 1", "instance_count: 51", ("warning", "value-large", 12)),
        ("instance_count: 1", "instance_count: 1.5", ("warning", "value-changed", 12)),
        ("instance_count: 1", "instance_count: true", ("error", "field-type", 12)),
        ("instance_count: 1", "instance_count: three", ("error", "field-type", 12)),
        ("model:\n  path: ./model", "model: my-model:1\n#", ("error", "reference-form", 3)),
        ("model:\n  path: ./model", "model: ./model\n#", ("error", "reference-form", 3)),
        ("model:\n  path: ./model", "model:\n  name: m", ("error", "model-path", 3)),
        ("model:\n  path: ./model", "model:\n  path: ./model\n  version: 1.10", ("warning", "value-changed", 5)),
        ("  scoring_script: score.py\n", "", ("error", "code-half", 5)),
        ("  image: mcr.microsoft.com/azureml/minimal-py311-inference:latest\n", "", ("error", "environment-image", 8)),
    ],
)
def test_a_deployment_that_is_not_quite_right_says_where(
    before: str, after: str, expected: tuple[str, str, int]
) -> None:
    assert before in DEPLOYMENT
    assert told("", DEPLOYMENT.replace(before, after)) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: abc\nauth_mode: token\n", ("error", "value-not-allowed", 2)),
        ("name: abc\nauth_mode: key\ntraffic: blue=100\n", ("error", "field-type", 3)),
        ("name: abc\nauth_mode: key\ntraffic:\n  blue: 33.3\n", ("warning", "value-changed", 4)),
        ("name: abc\nauth_mode: key\ntraffic:\n  blue: 150\n", ("error", "value-too-large", 4)),
        ("name: abc\nauth_mode: key\ntraffic:\n  blue: lots\n", ("error", "field-type", 4)),
        ("name: abc\nauth_mode: key\nlocation: westeurope\n", ("note", "field-old", 3)),
        ("name: abc\nauth_mode: key\nidentity: system_assigned\n", ("error", "field-type", 3)),
        ("name: abc\nauth_mode: key\nidentity:\n  type: user_assigned\n", ("error", "identity-missing", 3)),
        ("name: abc\nauth_mode: key\ninstance_type: x\n", ("error", "field-unknown", 3)),
    ],
)
def test_an_endpoint_that_is_not_quite_right_says_where(text: str, expected: tuple[str, str, int]) -> None:
    assert told("", text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "model: azureml:m:1",
        "model: azureml:m@latest",
        "model: azureml://registries/azureml/models/m/versions/1",
        "environment: azureml:/subscriptions/s/resourceGroups/g/providers/x/environments/e/versions/1",
    ],
)
def test_registered_assets_are_references(text: str) -> None:
    base = "name: blue\nendpoint_name: abc\ninstance_type: Standard_DS3_v2\n"
    assert told(text + "\n", base) == []


def test_hints_name_the_nearest_field_and_the_right_place() -> None:
    assert wrong_in("instance_cuont: 2\n")[0].fix == "Write instance_count."
    assert "endpoint" in wrong_in("traffic: {blue: 100}\n")[0].fix
    assert "code_configuration.scoring_script" in wrong_in("scoring_script: score.py\n")[0].fix
    assert "key=value" in wrong_in("environment_variables: A=1\n")[0].why


def test_thousands_of_mistakes_become_a_hundred_and_a_number() -> None:
    wrong = wrong_in("".join(f"k{number}: v\n" for number in range(3000)))
    assert len(wrong) == 101
    assert wrong[-1].what.startswith("2,900 more")
    assert (wrong[-1].level, wrong[-1].place.line) == (Level.ERROR, 113)


def test_the_same_thing_described_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(DEPLOYMENT)
    (tmp_path / "b.yml").write_text(DEPLOYMENT)
    wrong = find(tmp_path, ["a.yml", "b.yml"])[1]
    assert [(each.code, each.place.file, each.place.line) for each in wrong] == [("described-twice", "b.yml", 1)]


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("name: a\nauth_mode: [key\nx: }\n", "yaml-broken", 3),
        ("name: a\n\tauth_mode: key\n", "yaml-broken", 2),
        ("name: a: b\nauth_mode: key\n", "yaml-broken", 1),
        ("name: a\nauth_mode: \x00\n", "yaml-character", 2),
        ("name: !!python/object/apply:os.system [ls]\n", "yaml-tag", 1),
        ("name: a\nenvironment_variables:\n  A: !hidden ''\n", "yaml-tag", 3),
        ("name: *nobody\n", "yaml-alias", 1),
        ("name: &a [*a]\n", "yaml-alias", 1),
        ("name: a\nversion: 2024-99-99\n", "yaml-value", 2),
        ("? [a]\n: 1\n", "yaml-key", 1),
        ("name: " + "[" * 3000, "yaml-too-deep", 1),
        (LAUGHS, "yaml-too-many-values", 5),
        ("a:\n" + "- b\n" * 30_000, "yaml-too-many-values", 19_999),
        ("name: \ud800\n", "yaml-character", 1),
        ("<<: 3\n", "yaml-merge", 1),
        ("name: =\n", "yaml-value", 1),
        ("name: <<\n", "yaml-value", 1),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, code: str, line: int) -> None:
    found, wrong = parse(text, "a.yml")
    assert found == []
    assert [(each.level, each.code, each.place.line) for each in wrong] == [(Level.ERROR, code, line)]


def test_documents_before_a_mistake_are_known() -> None:
    found, wrong = parse(f"{ENDPOINT}---\n{DEPLOYMENT}  x: [\n", "a.yml")
    assert [each.kind for each in found] == [Kind.ENDPOINT]
    assert [each.code for each in wrong] == ["yaml-broken"]


def test_anchors_and_merge_keys_are_allowed_within_reason() -> None:
    text = (
        DEPLOYMENT + "liveness_probe: &probe\n  period: 5\n  timeout: 3\nreadiness_probe:\n  <<: *probe\n  period: 7\n"
    )
    [document], wrong = parse(text, "a.yml")
    assert wrong == []
    assert document.content["readiness_probe"] == {"timeout": 3, "period": 7}
    assert document.place("readiness_probe", "timeout").line == 15
    assert document.place("readiness_probe", "period").line == 18


@pytest.mark.parametrize(
    ("content", "words", "line"),
    [
        (ENDPOINT.encode("utf-16"), "UTF-16", 0),
        (ENDPOINT.encode("utf-16-le"), "UTF-16", 0),
        (ENDPOINT.encode("utf-16-be"), "UTF-16", 0),
        (f"{ENDPOINT}description: 模型的端点\n".encode("utf-16-le"), "UTF-16", 0),
        (ENDPOINT.encode("utf-32"), "UTF-32", 0),
        (f"{ENDPOINT}description: Größe\n".encode("latin-1"), "Latin-1", 3),
    ],
)
def test_other_encodings_are_named(tmp_path: Path, content: bytes, words: str, line: int) -> None:
    (tmp_path / "a.yml").write_bytes(content)
    found, wrong = find(tmp_path, ["a.yml"])
    assert found == ()
    assert [(each.code, each.place.line) for each in wrong] == [("encoding", line)]
    assert words in wrong[0].why


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x01\x02\x03" * 50,
        b"\x00" * 100,
        struct.pack("<200h", *range(200)),
        struct.pack("<100d", *(each / 7 for each in range(100))),
        zlib.compress(ENDPOINT.encode() * 3),
        pickle.dumps({"weights": list(range(300))}),
    ],
)
def test_a_file_that_is_no_text_is_called_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.yml").write_bytes(content)
    [wrong] = find(tmp_path, ["a.yml"])[1]
    assert (wrong.code, wrong.what) == ("encoding", "a.yml is no text.")


def test_a_byte_order_mark_of_utf_8_does_no_harm() -> None:
    assert decoded(b"\xef\xbb\xbfname: a\n", "a.yml") == ("name: a\n", None)


def test_ten_megabytes_are_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(ENDPOINT + "#" * 10_000_000)
    wrong = find(tmp_path, ["a.yml"])[1]
    assert [each.code for each in wrong] == ["yaml-too-large"]
    assert "10.0 MB" in wrong[0].why


def test_large_yaml_of_other_tools_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data.yml").write_text("- 1\n" * 500_000)
    (tmp_path / "a.yml").write_text(ENDPOINT)
    assert find(tmp_path, ["a.yml", "data.yml"])[1] == ()


@pytest.mark.parametrize("text", ["", "just words\n", "- a\n- b\n", "null\n", "a: 1\n"])
def test_files_without_any_description_say_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yml").write_text(text)
    wrong = find(tmp_path, ["a.yml"])[1]
    assert [each.code for each in wrong if each.level is Level.ERROR] in (["no-document"], ["not-a-mapping"])


@pytest.mark.parametrize("rest", ["---\n", "---\nname: scoring\n", "---\n" + DEPLOYMENT])
def test_a_file_with_anything_beside_its_document_does_not_stand_alone(tmp_path: Path, rest: str) -> None:
    (tmp_path / "a.yml").write_text(ENDPOINT)
    assert documents.stands_alone(tmp_path / "a.yml")
    (tmp_path / "a.yml").write_text(ENDPOINT + rest)
    assert not documents.stands_alone(tmp_path / "a.yml")


def test_a_document_that_is_neither_is_told_when_it_stands_beside_one() -> None:
    wrong = parse(f"{ENDPOINT}---\nname: scoring\ndependencies: []\n", "a.yml")[1]
    assert [(each.level, each.code, each.place.line) for each in wrong] == [(Level.NOTE, "document-ignored", 4)]


def test_files_that_cannot_be_read_are_told_when_nothing_else_is_there(tmp_path: Path) -> None:
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.11]\n")
    (tmp_path / "endpoint.yml").write_text("name: abc\nauth: [\n")
    wrong = find(tmp_path, ["conda.yml", "endpoint.yml"])[1]
    assert [(each.code, each.place.file) for each in wrong] == [("yaml-broken", "endpoint.yml")]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=6), VALUES, max_size=5), st.sampled_from([None, True, False]))
@settings(max_examples=150, deadline=None)
def test_the_values_are_those_of_the_safe_loader(content: dict[str, object], flow: bool | None) -> None:
    text = yaml.safe_dump(content, default_flow_style=flow, allow_unicode=True)
    assert read(text)[0].content == yaml.safe_load(text)


@given(st.text(alphabet="ab: -[]{}&*!<>|\n\t'\"#%@?,.~0", max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_as_the_safe_loader_reads_it_or_refused(text: str) -> None:
    try:
        ours = [each.content for each in read(text)]
    except BadYaml:
        return
    assert ours == list(yaml.load_all(text, Loader=located_yaml._PARSER))


@given(st.dictionaries(st.sampled_from([*documents._ONLY_DEPLOYMENTS, "name", "model", "environment"]), VALUES))
@settings(max_examples=100, deadline=None)
def test_no_content_breaks_the_checks(content: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.yml").write_text(yaml.safe_dump({"endpoint_name": "abc", **content}))
        for each in find(Path(folder), ["a.yml"])[1]:
            assert each.what
            assert each.why
            assert each.fix
            assert each.place.line >= 0


@pytest.mark.parametrize("name", ["abc", "a-1", "a" * 32, "Blue", "whats-in-a-name"])
def test_names_that_azure_takes(name: str) -> None:
    assert name_problem(name) is None
