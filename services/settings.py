"""All settings, read once: environment, then ``.env``, then an Azure ML ``config.json``.

Each setting is looked up on its own in that order, so a single variable in the environment overrides the same entry of
a file. When no workspace comes out of it, the defaults of the Azure CLI count, if they make one. Azure's own variables
keep Azure's names; ours begin with ``SLUICE_``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values, load_dotenv
from pydantic import Field, PrivateAttr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from services import az_defaults
from services.errors import NotConfigured, RuleBroken
from services.model import WorkspaceRef
from services.statuses import CLIENT_DEFAULT, SERVER_DEFAULT, StatusSets, parse

_READ_FAILED = "The settings could not be read."
_WORKSPACE_KEYS = {
    "AZURE_SUBSCRIPTION_ID": "subscription_id",
    "AZURE_RESOURCE_GROUP": "resource_group",
    "AZUREML_WORKSPACE_NAME": "workspace_name",
}


class Settings(BaseSettings):
    """Where Sluice works and how. Values never change after reading; a changed environment needs a new start."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    subscription_id: str | None = Field(
        None, alias="AZURE_SUBSCRIPTION_ID", description="Azure subscription id of the workspace."
    )
    resource_group: str | None = Field(
        None, alias="AZURE_RESOURCE_GROUP", description="Resource group of the workspace."
    )
    workspace_name: str | None = Field(
        None, alias="AZUREML_WORKSPACE_NAME", description="Name of the Azure Machine Learning workspace."
    )
    tenant_id: str | None = Field(
        None, alias="AZURE_TENANT_ID", description="Microsoft Entra tenant to sign in to; shown in sign-in hints."
    )
    cloud: str | None = Field(
        None,
        alias="AZUREML_CURRENT_CLOUD",
        description="AzureCloud, AzureUSGovernment or AzureChinaCloud. Not used when ARM_CLOUD_METADATA_URL is set.",
    )
    cloud_metadata_url: str | None = Field(
        None,
        alias="ARM_CLOUD_METADATA_URL",
        description="Metadata address of another Azure Resource Manager, such as the local Azure or a sovereign cloud.",
    )
    metrics_endpoint: str | None = Field(
        None,
        alias="SLUICE_METRICS_ENDPOINT",
        description="Address of the Azure Monitor metrics batch service. Default: the one of each endpoint's region.",
    )
    logs_endpoint: str | None = Field(
        None,
        alias="SLUICE_LOGS_ENDPOINT",
        description="Address of the Azure Monitor logs query service. Default: the public one.",
    )
    log_workspace_id: str | None = Field(
        None,
        alias="SLUICE_LOG_WORKSPACE_ID",
        description="Log Analytics workspace id (a GUID) that newly switched-on logs are sent to.",
    )
    samples_dir: Path = Field(
        Path("samples"), alias="SLUICE_SAMPLES_DIR", description="Folder searched for sample requests."
    )
    local_azure_dir: Path = Field(
        Path(".local-azure"), alias="SLUICE_LOCAL_AZURE_DIR", description="State folder of the local Azure."
    )
    data_dir: Path = Field(
        Path(".sluice"), alias="SLUICE_DATA_DIR", description="Folder of what Sluice keeps: the journal of changes."
    )
    deploy_root: Path | None = Field(
        None,
        alias="SLUICE_DEPLOY_ROOT",
        description="Folder of this machine below which the Deploy page may read files. Default: none.",
    )
    watch_seconds: int = Field(
        30,
        ge=1,
        le=3600,
        alias="SLUICE_WATCH_SECONDS",
        description="How often Sluice looks for changes of traffic that were made elsewhere.",
    )
    check_seconds: int | None = Field(
        None,
        ge=1,
        le=600,
        alias="SLUICE_CHECK_SECONDS",
        description="How long a check of files waits for each answer of Azure. Default: 15.",
    )
    server_errors: str = Field(
        SERVER_DEFAULT,
        alias="SLUICE_SERVER_ERRORS",
        description="Statuses that count as the service's failures: classes and numbers with commas.",
    )
    client_errors: str = Field(
        CLIENT_DEFAULT,
        alias="SLUICE_CLIENT_ERRORS",
        description="Statuses that count as the callers' mistakes, unless they are the service's failures.",
    )
    port: int = Field(8501, ge=0, le=65535, alias="SLUICE_PORT", description="Port that Sluice listens on.")

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @field_validator("server_errors", "client_errors")
    @classmethod
    def _are_statuses(cls, value: str) -> str:
        parse(value)
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Use only what :meth:`read` passes, so that environment and folder can be given by the caller."""
        return (init_settings,)

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ, folder: Path | None = None) -> Settings:
        """Read the settings from ``environ``, ``folder/.env``, the nearest Azure ML ``config.json`` and the Azure CLI.

        ``config.json`` is looked for in ``folder``, in its ``.azureml`` folder, and the same way in every parent, as
        the Azure ML SDK does. Empty values count as absent. What the Azure CLI has as defaults is used only when it
        completes a workspace, in the cloud that the other sources name, if they name one.

        Raises NotConfigured when a file or a value is broken, or when only a part of subscription, resource group and
        workspace is there. None of the three is fine: see :attr:`is_configured`.
        """
        folder = folder or Path.cwd()
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for origin, read in _sources(environ, folder):
            if origin.endswith("config.json") and all(name in values for name in _WORKSPACE_KEYS):
                break
            source = read()
            for field in cls.model_fields.values():
                name = str(field.alias)
                if name not in values and source.get(name):
                    values[name], origins[name] = source[name], origin
        _complete(values, origins, environ)
        try:
            settings = cls(**values)
        except ValidationError as error:
            raise _invalid(error, origins) from error
        settings._origins.update(origins)
        missing = [name for name in _WORKSPACE_KEYS if name not in values]
        if missing and len(missing) < len(_WORKSPACE_KEYS):
            raise _incomplete(missing, origins, folder)
        return settings

    @property
    def is_configured(self) -> bool:
        """Whether subscription, resource group and workspace are all known."""
        return bool(self.subscription_id and self.resource_group and self.workspace_name)

    @property
    def statuses(self) -> StatusSets:
        """Which answers count as errors, and whose."""
        return StatusSets.of(self.server_errors, self.client_errors)

    @property
    def origins(self) -> Mapping[str, str]:
        """Where each setting that is not a default came from: variable name → "the environment" or a file's path."""
        return self._origins

    @property
    def workspace_path(self) -> str:
        """ARM path of the workspace. Raises NotConfigured when there is none."""
        if not self.is_configured:
            raise NotConfigured(
                "No Azure Machine Learning workspace is configured.",
                "Subscription, resource group and workspace name are not set.",
                "Set AZURE_SUBSCRIPTION_ID, AZURE_RESOURCE_GROUP and AZUREML_WORKSPACE_NAME, or start the local Azure.",
            )
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace_name}"
        )


def export_env_file(folder: Path) -> None:
    """Put the entries of ``folder/.env`` that the environment lacks into the environment of this process.

    azure-identity and requests read their variables (IDENTITY_ENDPOINT, REQUESTS_CA_BUNDLE…) from nowhere else, so a
    local Azure's ``azure.env`` copied to ``.env`` works only after this. Call it once, before the first connection.
    """
    load_dotenv(folder / ".env", override=False)


def settings_for(workspace: str | None, environ: Mapping[str, str], folder: Path, what: str) -> Settings:
    """The settings of a command that may name its workspace (``subscription/group/name``): then none needs to be
    configured.

    Raises NotConfigured, and RuleBroken, saying ``what`` failed, when the name is none.
    """
    if not workspace:
        return Settings.read(environ, folder)
    try:
        chosen = WorkspaceRef.parse(workspace)
    except ValueError as error:
        raise RuleBroken(what, f"{error}.", "Write --workspace as subscription/group/name.") from None
    named = zip(_WORKSPACE_KEYS, (chosen.subscription_id, chosen.resource_group, chosen.name), strict=True)
    return Settings.read({**environ, **dict(named)}, folder)


def _complete(values: dict[str, Any], origins: dict[str, str], environ: Mapping[str, str]) -> None:
    """Take what is missing of the workspace from the Azure CLI's defaults, all of it or nothing."""
    missing = [name for name in _WORKSPACE_KEYS if name not in values]
    if not missing or "ARM_CLOUD_METADATA_URL" in values:
        return
    found = az_defaults.read(environ)
    cloud = found.values.get("AZUREML_CURRENT_CLOUD")
    if not all(name in found.values for name in missing) or values.get("AZUREML_CURRENT_CLOUD", cloud) != cloud:
        return
    also = ["AZUREML_CURRENT_CLOUD", *(["AZURE_TENANT_ID"] if "AZURE_SUBSCRIPTION_ID" in missing else [])]
    for name in [*missing, *also]:
        if name in found.values and name not in values:
            values[name], origins[name] = found.values[name], found.origins[name]


def _sources(environ: Mapping[str, str], folder: Path) -> Iterator[tuple[str, Callable[[], Mapping[str, Any]]]]:
    """Name and reader of each source, the strongest first. A file is read only when its turn comes."""
    yield "the environment", lambda: environ
    env_file = folder / ".env"
    if env_file.is_file():
        yield str(env_file), lambda: dotenv_values(env_file)
    config = _config_file(folder)
    if config is not None:
        yield str(config), lambda: _config_values(config)


def _config_file(folder: Path) -> Path | None:
    """The nearest Azure ML config file, searched as azure-ai-ml's ``MLClient.from_config`` does."""
    for parent in (folder, *folder.parents):
        for candidate in (parent / "config.json", parent / ".azureml" / "config.json"):
            if candidate.is_file():
                return candidate
    return None


def _config_values(path: Path) -> dict[str, Any]:
    next_step = "Download it again from the workspace's page in Azure Machine Learning studio, or delete it."
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise NotConfigured(_READ_FAILED, f"{path} cannot be read: {error}.", next_step) from error
    except json.JSONDecodeError as error:
        why = f"{path} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}."
        raise NotConfigured(_READ_FAILED, why, next_step) from error
    if not isinstance(document, dict):
        raise NotConfigured(_READ_FAILED, f"{path} holds no JSON object.", next_step)
    # Another tool's config.json has none of the keys; that is no mistake.
    return {name: document[key] for name, key in _WORKSPACE_KEYS.items() if key in document}


def _invalid(error: ValidationError, origins: Mapping[str, str]) -> NotConfigured:
    first = error.errors(include_url=False, include_input=False)[0]
    name = str(first["loc"][0])
    why = f"{name} in {origins.get(name, 'the defaults')} is not valid: {first['msg'].removeprefix('Value error, ')}."
    return NotConfigured(_READ_FAILED, why, f"Correct {name} or remove it.")


def _incomplete(missing: list[str], origins: Mapping[str, str], folder: Path) -> NotConfigured:
    found = ", ".join(f"{name} from {origins[name]}" for name in _WORKSPACE_KEYS if name in origins)
    looked = f"the environment, {folder / '.env'} and config.json in {folder}, its .azureml folder and its parents"
    return NotConfigured(
        "The workspace is only half configured.",
        f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing; found {found}. Looked in {looked}.",
        f"Set {' and '.join(missing)} too, or remove the others to start without a workspace.",
    )
