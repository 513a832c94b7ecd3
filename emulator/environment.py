"""What a client needs to know, as KEY=VALUE lines that a shell and a dotenv reader both understand."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from emulator.errors import StartError
from emulator.resources import Addresses, Place
from emulator.state import Secrets, StateFolder, write_private

LOOPBACK = "localhost,127.0.0.1,::1"


def variables(
    place: Place, addresses: Addresses, state: StateFolder, secrets: Secrets, caller: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a client that signs in as the owner. `caller` is the environment the server was started in."""
    bundle = str(state.tls / "bundle.pem")
    found = {
        "AZURE_SUBSCRIPTION_ID": place.subscription,
        "AZURE_RESOURCE_GROUP": place.resource_group,
        "AZUREML_WORKSPACE_NAME": place.workspace,
        "ARM_CLOUD_METADATA_URL": f"{addresses.control}/metadata/endpoints?api-version=2019-05-01",
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        "IDENTITY_ENDPOINT": addresses.identity,
        "IDENTITY_HEADER": secrets.owner_header,
        "REQUESTS_CA_BUNDLE": bundle,
        "CURL_CA_BUNDLE": bundle,
        "SSL_CERT_FILE": bundle,
        "SLUICE_METRICS_ENDPOINT": addresses.control,
        "SLUICE_LOGS_ENDPOINT": addresses.control,
        "SLUICE_LOG_WORKSPACE_ID": secrets.log_workspace_id,
        "EMULATOR_CONTROL_URL": f"{addresses.control}/_emulator",
        "EMULATOR_CONTROL_SECRET": secrets.control_secret,
    }
    # Clients that use a proxy would send even localhost to it.
    if any(name.lower() in ("http_proxy", "https_proxy", "all_proxy") and caller[name] for name in caller):
        direct = ",".join(part for part in (caller.get("no_proxy") or caller.get("NO_PROXY"), LOOPBACK) if part)
        found |= {"NO_PROXY": direct, "no_proxy": direct}
    return found


def write(state: StateFolder, values: Mapping[str, str]) -> None:
    """Keep the environment in the state folder."""
    write_private(state.environment, format_lines(values))


def format_lines(values: Mapping[str, str]) -> str:
    """KEY=VALUE lines, each value quoted for a POSIX shell."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def read(state: StateFolder, role: str) -> dict[str, str]:
    """The kept environment, signed in as "owner" or "reader".

    Raises :class:`StartError` when no local Azure has run in this folder.
    """
    try:
        lines = state.environment.read_text().splitlines()
    except OSError as error:
        raise StartError(
            f"No local Azure has run in {state.root}; start one with `python -m emulator serve --state {state.root}`."
        ) from error
    values = dict(shlex.split(line)[0].split("=", 1) for line in lines if line)
    if role == "reader":
        values["IDENTITY_HEADER"] = state.secrets().reader_header
    return values
