"""Names of resources: ARM ids, what a path addresses, and the operation that a request stands for."""

from __future__ import annotations

from dataclasses import dataclass

MACHINE_LEARNING = "Microsoft.MachineLearningServices"
STORAGE_SUFFIX = "core.local"
STORAGE_ACCOUNT = "devacct"
DATASTORE = "workspaceblobstore"
DATASTORE_CONTAINER = "azureml-blobstore"


@dataclass(frozen=True)
class Place:
    """A workspace: its subscription, its resource group, its name and its region."""

    subscription: str
    resource_group: str
    workspace: str
    region: str

    @property
    def key(self) -> str:
        """What documents of this workspace are kept under; ids compare without case."""
        return f"{self.subscription}/{self.resource_group}/{self.workspace}".lower()

    @property
    def group_id(self) -> str:
        """ARM id of the resource group."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"

    @property
    def workspace_id(self) -> str:
        """ARM id of the workspace."""
        return f"{self.group_id}/providers/{MACHINE_LEARNING}/workspaces/{self.workspace}"

    def endpoint_id(self, endpoint: str) -> str:
        """ARM id of an online endpoint."""
        return f"{self.workspace_id}/onlineEndpoints/{endpoint}"

    def deployment_id(self, endpoint: str, deployment: str) -> str:
        """ARM id of a deployment."""
        return f"{self.endpoint_id(endpoint)}/deployments/{deployment}"


@dataclass(frozen=True)
class Addresses:
    """Where the parts of a running local Azure listen. Addresses are composed when they are read: ports may change."""

    control_port: int
    gateway_port: int
    identity_port: int

    @property
    def control(self) -> str:
        """Base URL of control plane, storage and Monitor, without a slash at its end."""
        return f"https://localhost:{self.control_port}"

    @property
    def identity(self) -> str:
        """The managed-identity endpoint."""
        return f"http://127.0.0.1:{self.identity_port}/msi/token"

    @property
    def account_name(self) -> str:
        """What the SDK takes for a storage account's name.

        It builds https://{accountName}.blob.{suffix} by plain formatting, so that host, port and a first path segment
        in the name give path-style addresses that need no DNS.
        """
        return f"localhost:{self.control_port}/{STORAGE_ACCOUNT}"

    def container(self, name: str) -> str:
        """URL of a blob container."""
        return f"https://{self.account_name}.blob.{STORAGE_SUFFIX}/{name}"

    def scoring(self, endpoint: str) -> str:
        """The scoring URI of an endpoint."""
        return f"https://localhost:{self.gateway_port}/endpoints/{endpoint}/score"

    def swagger(self, endpoint: str) -> str:
        """The OpenAPI address of an endpoint."""
        return f"https://localhost:{self.gateway_port}/endpoints/{endpoint}/swagger.json"


@dataclass(frozen=True)
class ResourcePath:
    """What an ARM path addresses. `segments` follow the last provider: type, name, type, name…

    `is_batch`: it is the batch query of Azure Monitor's metrics, which has a host of its own on Azure.
    """

    subscription: str | None
    resource_group: str | None
    workspace: str | None
    provider: str
    segments: tuple[str, ...]
    is_batch: bool = False

    @property
    def types(self) -> tuple[str, ...]:
        """The resource types on the way, outermost first."""
        return self.segments[0::2]


def parse_path(path: str) -> ResourcePath:
    """Read an ARM path. Keywords compare without case; a part that is missing is None or empty."""
    parts = [part for part in path.split("/") if part]
    lower = [part.lower() for part in parts]

    def after(keyword: str, index: int) -> str | None:
        return parts[index + 1] if len(parts) > index + 1 and lower[index] == keyword else None

    # Keywords and names take turns: at every other place, "providers" is somebody's name.
    starts = [index for index in range(0, len(parts), 2) if lower[index] == "providers"]
    first, last = (starts[0], starts[-1]) if starts else (len(parts), len(parts))
    inner = parts[first + 1 :]
    is_workspace = len(inner) >= 3 and [part.lower() for part in inner[:2]] == [MACHINE_LEARNING.lower(), "workspaces"]
    return ResourcePath(
        subscription=after("subscriptions", 0),
        resource_group=after("resourcegroups", 2),
        workspace=inner[2] if is_workspace else None,
        provider=parts[last + 1] if len(parts) > last + 1 else "",
        segments=tuple(parts[last + 2 :]),
        is_batch=lower[-1:] == ["metrics:getbatch"] and len(parts) == 3,
    )


def operation_name(method: str, path: str) -> str:
    """The name of the operation as Azure's role definitions write it, such as `…/onlineEndpoints/listKeys/action`."""
    found = parse_path(path)
    if found.provider:
        subject = "/".join((found.provider, *found.types))
    elif found.resource_group is not None:
        subject = "Microsoft.Resources/subscriptions/resourceGroups"
    else:
        subject = "Microsoft.Resources/subscriptions"
    verb = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}.get(method, "action")
    return f"{subject}/{verb}"


def asset_reference(arm_id: str, collection: str) -> tuple[str, str] | None:
    """Name and version of an asset that `arm_id` names in `collection` ("models", "codes"…), None when it does not."""
    parts = [part for part in arm_id.split("/") if part]
    lower = [part.lower() for part in parts]
    wanted = collection.lower()
    for index in range(len(parts) - 3):
        if lower[index] == wanted and lower[index + 2] == "versions":
            return parts[index + 1], parts[index + 3]
    return None
