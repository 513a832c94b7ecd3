"""What the Azure CLI would work on: the subscription of ``az account set``, group and workspace of ``az configure``.

Sources: azure-cli-core 2.91 (``_profile.py``, ``_session.py``, ``cloud.py``) and the documentation of its
configuration: ``$AZURE_CONFIG_DIR`` or ``~/.azure``, with ``azureProfile.json`` and the INI file ``config``, whose
options are overridden by ``AZURE_<SECTION>_<OPTION>``.
"""

from __future__ import annotations

import configparser
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLOUDS = ("AzureCloud", "AzureUSGovernment", "AzureChinaCloud")
"""The Azure CLI's names of clouds that Sluice knows under the same names; the first is its default."""


@dataclass(frozen=True)
class Defaults:
    """The Azure CLI's defaults under the names of our settings, each with the place it was found in."""

    values: Mapping[str, str]
    origins: Mapping[str, str]


def read(environ: Mapping[str, str]) -> Defaults:
    """The defaults of the person who runs this process; none when they work in a cloud that Sluice does not know.

    A file that is missing or broken has no defaults in it: the Azure CLI is not needed here.
    """
    folder = _folder(environ)
    if folder is None:
        return Defaults({}, {})
    values: dict[str, str] = {}
    origins: dict[str, str] = {}

    def keep(name: str, value: object, origin: str) -> None:
        if isinstance(value, str) and value:
            values[name], origins[name] = value, origin

    config, path = _config(folder / "config"), str(folder / "config")
    cloud = environ.get("AZURE_CLOUD_NAME") or config.get("cloud", "name", fallback="") or CLOUDS[0]
    known = next((name for name in CLOUDS if name.lower() == cloud.lower()), None)
    if known is None:
        return Defaults({}, {})
    keep("AZUREML_CURRENT_CLOUD", known, path)
    profile = folder / "azureProfile.json"
    account = _account(profile, known)
    keep("AZURE_SUBSCRIPTION_ID", account.get("id"), str(profile))
    keep("AZURE_TENANT_ID", account.get("tenantId"), str(profile))
    for name, option in (("AZURE_RESOURCE_GROUP", "group"), ("AZUREML_WORKSPACE_NAME", "workspace")):
        keep(name, config.get("defaults", option, fallback=""), path)
        variable = f"AZURE_DEFAULTS_{option.upper()}"
        keep(name, environ.get(variable), variable)
    return Defaults(values, origins)


def _folder(environ: Mapping[str, str]) -> Path | None:
    home = environ.get("HOME") or environ.get("USERPROFILE")
    given = environ.get("AZURE_CONFIG_DIR")
    if given:
        return Path(given)
    return Path(home) / ".azure" if home else None


def _config(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, configparser.Error):
        return configparser.ConfigParser()
    return parser


def _account(path: Path, cloud: str) -> Mapping[str, Any]:
    """The subscription that the Azure CLI marks as its default, when it is one of ``cloud``."""
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
        listed = document.get("subscriptions") or []
        return next(
            each for each in listed if each.get("isDefault") is True and each.get("environmentName", cloud) == cloud
        )
    except (OSError, ValueError, AttributeError, TypeError, StopIteration):
        return {}
