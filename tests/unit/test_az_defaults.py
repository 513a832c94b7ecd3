"""What the Azure CLI has as defaults counts last, as a whole workspace or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.az_defaults import read
from services.errors import NotConfigured
from services.settings import Settings

CONFIG = "[cloud]\nname = AzureCloud\n\n[defaults]\ngroup = az-group\nworkspace = az-work\nlocation = westeurope\n"


def subscription(name: str = "az-sub", **more: Any) -> dict[str, Any]:
    return {"id": name, "tenantId": "az-tenant", "isDefault": True, "environmentName": "AzureCloud", **more}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home folder of somebody who has run `az login` and `az configure --defaults`."""
    folder = tmp_path / "home"
    write(folder, CONFIG, [subscription("other", isDefault=False), subscription()])
    return folder


def write(home: Path, config: str | None, subscriptions: object) -> None:
    azure = home / ".azure"
    azure.mkdir(parents=True, exist_ok=True)
    # The Azure CLI writes a byte order mark.
    (azure / "azureProfile.json").write_text(json.dumps({"subscriptions": subscriptions}), encoding="utf-8-sig")
    if config is not None:
        (azure / "config").write_text(config)


def settings(home: Path, **environ: str) -> Settings:
    folder = home / "project"
    folder.mkdir(exist_ok=True)
    return Settings.read({"HOME": str(home), **environ}, folder)


def test_the_azure_clis_workspace_is_used_and_its_origin_is_told(home: Path) -> None:
    found = settings(home)

    assert (found.subscription_id, found.resource_group, found.workspace_name) == ("az-sub", "az-group", "az-work")
    assert (found.cloud, found.tenant_id) == ("AzureCloud", "az-tenant")
    assert found.origins["AZUREML_WORKSPACE_NAME"] == str(home / ".azure" / "config")
    assert found.origins["AZURE_SUBSCRIPTION_ID"] == str(home / ".azure" / "azureProfile.json")


def test_azure_config_dir_says_where_it_is(home: Path, tmp_path: Path) -> None:
    assert not settings(tmp_path / "home", AZURE_CONFIG_DIR=str(tmp_path)).is_configured
    assert settings(tmp_path / "home", AZURE_CONFIG_DIR=str(home / ".azure")).is_configured


def test_its_own_variables_win_over_its_file(home: Path) -> None:
    found = settings(home, AZURE_DEFAULTS_GROUP="variable-group", AZURE_DEFAULTS_WORKSPACE="variable-work")

    assert (found.resource_group, found.workspace_name) == ("variable-group", "variable-work")
    assert found.origins["AZURE_RESOURCE_GROUP"] == "AZURE_DEFAULTS_GROUP"


def test_every_other_source_is_stronger(home: Path) -> None:
    (home / "project").mkdir()
    (home / "project" / "config.json").write_text(json.dumps({"workspace_name": "file-work"}))

    found = settings(home, AZURE_RESOURCE_GROUP="environment-group")

    assert (found.subscription_id, found.resource_group) == ("az-sub", "environment-group")
    assert found.workspace_name == "file-work"


def test_a_workspace_that_is_there_takes_nothing_from_it(home: Path) -> None:
    found = settings(home, AZURE_SUBSCRIPTION_ID="s", AZURE_RESOURCE_GROUP="g", AZUREML_WORKSPACE_NAME="w")

    assert (found.subscription_id, found.cloud, found.tenant_id) == ("s", None, None)


@pytest.mark.parametrize(
    ("config", "subscriptions"),
    [
        (None, [subscription()]),
        ("[defaults]\ngroup = az-group\n", [subscription()]),
        (CONFIG, []),
        (CONFIG, [subscription(isDefault=False)]),
        (CONFIG, [subscription(environmentName="AzureUSGovernment")]),
        (CONFIG, "nonsense"),
        (CONFIG, [None]),
        (CONFIG, {"id": 1}),
        (CONFIG, [subscription(id=7)]),
        ("no section", [subscription()]),
        ("[defaults\n", [subscription()]),
        (CONFIG.replace("AzureCloud", "AzureStackOfOurs"), [subscription()]),
    ],
)
def test_less_than_a_workspace_is_nothing_and_never_half_a_configuration(
    tmp_path: Path, config: str | None, subscriptions: object
) -> None:
    write(tmp_path, config, subscriptions)

    found = settings(tmp_path)

    assert not found.is_configured
    assert (found.subscription_id, found.cloud, found.origins) == (None, None, {})


def test_half_a_configuration_elsewhere_is_completed_or_said_as_before(home: Path, tmp_path: Path) -> None:
    assert settings(home, AZURE_SUBSCRIPTION_ID="s").subscription_id == "s"
    assert settings(home, AZURE_SUBSCRIPTION_ID="s").tenant_id is None
    with pytest.raises(NotConfigured, match="AZURE_RESOURCE_GROUP and AZUREML_WORKSPACE_NAME are missing"):
        settings(tmp_path, AZURE_SUBSCRIPTION_ID="s")


def test_another_cloud_has_nothing_to_do_with_it(home: Path) -> None:
    assert not settings(home, AZUREML_CURRENT_CLOUD="AzureChinaCloud").is_configured
    assert not settings(home, ARM_CLOUD_METADATA_URL="https://localhost:8443/metadata").is_configured


def test_a_sovereign_cloud_is_taken_along(tmp_path: Path) -> None:
    write(
        tmp_path,
        CONFIG.replace("AzureCloud", "azureusgovernment"),
        [subscription(), subscription("gov", environmentName="AzureUSGovernment")],
    )

    found = settings(tmp_path)

    assert (found.cloud, found.subscription_id) == ("AzureUSGovernment", "gov")


def test_a_percent_sign_is_text(tmp_path: Path) -> None:
    write(tmp_path, "[defaults]\ngroup = a%b\nworkspace = az-work\n", [subscription()])
    assert settings(tmp_path).resource_group == "a%b"


def test_files_that_cannot_be_read_hold_nothing(tmp_path: Path) -> None:
    azure = tmp_path / ".azure"
    azure.mkdir()
    (azure / "config").mkdir()
    (azure / "azureProfile.json").write_bytes(b"\xff\xfe\x00broken")

    assert not settings(tmp_path).is_configured


def test_nobody_at_home_has_no_defaults() -> None:
    assert read({}).values == {}
