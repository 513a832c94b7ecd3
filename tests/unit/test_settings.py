"""Where settings come from, and what a broken or half configuration says."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.errors import NotConfigured
from services.settings import Settings, export_env_file

COMPLETE = {
    "AZURE_SUBSCRIPTION_ID": "sub",
    "AZURE_RESOURCE_GROUP": "group",
    "AZUREML_WORKSPACE_NAME": "work",
}
CONFIG = {"subscription_id": "file-sub", "resource_group": "file-group", "workspace_name": "file-work"}


def test_nothing_configured_is_fine_and_says_so(tmp_path: Path) -> None:
    settings = Settings.read({}, tmp_path)

    assert not settings.is_configured
    assert settings.port == 8501
    assert settings.samples_dir == Path("samples")


def test_nothing_configured_has_no_workspace_path(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured) as caught:
        _ = Settings.read({}, tmp_path).workspace_path

    assert "local Azure" in caught.value.next_step


def test_the_environment_configures_a_workspace(tmp_path: Path) -> None:
    settings = Settings.read(COMPLETE, tmp_path)

    assert settings.is_configured
    assert settings.workspace_path == (
        "/subscriptions/sub/resourceGroups/group/providers/Microsoft.MachineLearningServices/workspaces/work"
    )


def test_settings_never_change() -> None:
    with pytest.raises(ValidationError):
        Settings.read(COMPLETE).port = 1


@pytest.mark.parametrize("place", ["config.json", ".azureml/config.json", "../config.json", "../.azureml/config.json"])
def test_config_json_is_found_where_the_azure_ml_sdk_finds_it(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "project"
    path = folder / place
    folder.mkdir()
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(CONFIG))

    settings = Settings.read({}, folder)

    assert settings.workspace_name == "file-work"
    assert "config.json" in settings.origins["AZUREML_WORKSPACE_NAME"]


def test_the_environment_wins_over_dotenv_and_dotenv_over_config_json(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / ".env").write_text("AZURE_RESOURCE_GROUP=dotenv-group\nAZUREML_WORKSPACE_NAME='dotenv-work'\n")

    settings = Settings.read({"AZUREML_WORKSPACE_NAME": "environment-work"}, tmp_path)

    assert settings.workspace_name == "environment-work"
    assert settings.resource_group == "dotenv-group"
    assert settings.subscription_id == "file-sub"


def test_empty_values_count_as_absent(tmp_path: Path) -> None:
    assert not Settings.read(dict.fromkeys(COMPLETE, ""), tmp_path).is_configured


def test_half_a_configuration_names_what_is_missing_and_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured) as caught:
        Settings.read({"AZURE_SUBSCRIPTION_ID": "sub", "AZURE_RESOURCE_GROUP": "group"}, tmp_path)

    assert "AZUREML_WORKSPACE_NAME is missing" in caught.value.why
    assert "AZURE_SUBSCRIPTION_ID from the environment" in caught.value.why
    assert str(tmp_path / ".env") in caught.value.why
    assert "AZUREML_WORKSPACE_NAME" in caught.value.next_step


def test_a_broken_config_json_names_file_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"subscription_id": "a",\n oops}')

    with pytest.raises(NotConfigured) as caught:
        Settings.read({}, tmp_path)

    assert str(tmp_path / "config.json") in caught.value.why
    assert "line 2, column 2" in caught.value.why


@pytest.mark.parametrize("content", ["[1]", '"text"'])
def test_a_config_json_without_an_object_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)

    with pytest.raises(NotConfigured):
        Settings.read({}, tmp_path)


def test_another_tools_config_json_is_none_of_our_business(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"theme": "dark"}')

    assert not Settings.read({}, tmp_path).is_configured


def test_a_broken_config_json_does_not_matter_once_the_workspace_is_known(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("broken")

    assert Settings.read(COMPLETE, tmp_path).is_configured


def test_a_value_that_is_not_valid_names_its_variable(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured) as caught:
        Settings.read({"SLUICE_PORT": "many"}, tmp_path)

    assert "SLUICE_PORT in the environment" in caught.value.why


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description or not field.alias] == []


def test_a_dotenv_file_reaches_libraries_that_read_the_environment_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_TEST_KEPT", "environment")
    monkeypatch.delenv("SLUICE_TEST_ADDED", raising=False)
    (tmp_path / ".env").write_text("SLUICE_TEST_KEPT=file\nSLUICE_TEST_ADDED=file\n")

    export_env_file(tmp_path)

    assert os.environ["SLUICE_TEST_KEPT"] == "environment"
    assert os.environ.pop("SLUICE_TEST_ADDED") == "file"
