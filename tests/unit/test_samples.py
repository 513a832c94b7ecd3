"""Which sample request belongs to which endpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.payloads.samples import sample_for


def write(folder: Path, definition: str, sample: str | bytes | None, name: str = "endpoint.yml") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(definition)
    if sample is not None:
        (folder / "sample-request.json").write_bytes(sample.encode() if isinstance(sample, str) else sample)


def test_the_sample_beside_the_endpoints_definition_is_its_sample(tmp_path: Path) -> None:
    write(tmp_path / "a", "name: digits\nauth_mode: key\n", '{"a": 1}')
    write(tmp_path / "b" / "c", "name: Wine\n", '{"b": 2}', "endpoint.yaml")

    assert sample_for("digits", tmp_path) == '{"a": 1}'
    assert sample_for("wine", tmp_path) == '{"b": 2}'
    assert sample_for("other", tmp_path) is None


def test_a_deployment_of_the_same_name_is_not_the_endpoint(tmp_path: Path) -> None:
    write(tmp_path, "name: digits\nendpoint_name: other\n", "{}")

    assert sample_for("digits", tmp_path) is None


@pytest.mark.parametrize("definition", ["a: [", "- list", "", "\ttab: x", "name: *nobody"])
def test_broken_definitions_are_passed_over(tmp_path: Path, definition: str) -> None:
    write(tmp_path / "0", definition, "{}")
    write(tmp_path / "1", "name: digits\n", '{"a": 1}')

    assert sample_for("digits", tmp_path) == '{"a": 1}'


@pytest.mark.parametrize("sample", [None, b"\xff\xfe\xfa"])
def test_an_endpoint_without_a_readable_sample_has_none(tmp_path: Path, sample: bytes | None) -> None:
    write(tmp_path, "name: digits\n", sample)

    assert sample_for("digits", tmp_path) is None


def test_a_folder_that_does_not_exist_holds_no_samples(tmp_path: Path) -> None:
    assert sample_for("digits", tmp_path / "nowhere") is None
