"""The one connection of a process to one Azure cloud: credential, transport, clients, who and what may be done."""

from __future__ import annotations

from dataclasses import dataclass

from services.settings import Settings


@dataclass(frozen=True)
class Identity:
    """Who Azure says the credential belongs to. ``object_id`` is empty when the token does not tell."""

    name: str
    object_id: str


@dataclass(frozen=True)
class Permissions:
    """What the identity may do in the workspace, as Azure's own role assignments say."""

    can_read: bool
    can_change_traffic: bool
    can_score: bool


@dataclass(frozen=True)
class Workspace:
    """The Azure Machine Learning workspace. ``location`` is the region's short name."""

    id: str
    name: str
    location: str


class Connection:
    """A connection to the cloud and workspace of ``settings``. Thread-safe; one per process.

    ``arm_host``, ``cloud_name`` and ``is_local`` may need one request for the cloud's metadata the first time, and
    raise Unreachable when it gets no answer.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def cloud_name(self) -> str:
        """Name of the cloud for people: "Local Azure", "Azure", "Azure US Government"…"""
        raise NotImplementedError

    @property
    def is_local(self) -> bool:
        """Whether Azure Resource Manager is on this machine (a loopback host)."""
        raise NotImplementedError

    @property
    def arm_host(self) -> str:
        """Host and port of Azure Resource Manager, for example ``management.azure.com``."""
        raise NotImplementedError


def connect(settings: Settings) -> Connection:
    """Make the connection. Sends nothing. Raises NotConfigured when the settings name no workspace."""
    raise NotImplementedError


def who(conn: Connection) -> Identity:
    """Who is signed in, from the claims of an Azure Resource Manager token. Raises SignInFailed, Unreachable."""
    raise NotImplementedError


def permissions(conn: Connection) -> Permissions:
    """What the signed-in identity may do in the workspace. Raises SluiceError when Azure does not answer."""
    raise NotImplementedError


def workspace(conn: Connection) -> Workspace:
    """The configured workspace as Azure knows it. Raises NotFound, AccessDenied, SignInFailed, Unreachable…"""
    raise NotImplementedError
