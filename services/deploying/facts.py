"""What Azure knows of the things that a bundle names, read side by side before anything is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any

from services.azure import asset_versions, usages, workspaces
from services.azure.asset_versions import AssetVersion
from services.azure.connection import Connection, forbidden, workspace
from services.azure.endpoints import get_endpoint, list_deployments
from services.azure.missing_assets import Alternatives, alternatives
from services.azure.usages import Usage, VmSize
from services.deploying.asking import Asking, Gap, Question
from services.deploying.capacity import Offer
from services.deploying.model import Bundle, Document, Kind, Place
from services.deploying.references import Asset, assets, local_files, mapping
from services.errors import NotFound, SluiceError
from services.model import Deployment, Endpoint, WorkspaceRef

_MOST_WORKSPACES = 20
"""Other workspaces of the region that are asked whether they have an endpoint of the same name."""


@dataclass(frozen=True)
class AssetFacts:
    """Whether an asset is there. Without ``found``, ``instead`` is what may have been meant."""

    found: AssetVersion | None
    instead: Alternatives = field(default_factory=Alternatives)


@dataclass(frozen=True)
class Facts:
    """Everything is by names in lower case; what is missing in a mapping could not be read, and is in ``gaps``.

    ``endpoints`` has None for one that is not there, ``elsewhere`` the workspaces of the region that have one of its
    name. ``forbidden`` are the actions that the identity may not do. ``asked`` is what has not been answered yet, for
    people: then what is missing may still come. ``unread`` are the endpoints of which nothing is known.
    """

    endpoints: Mapping[str, Endpoint | None] = field(default_factory=dict)
    deployments: Mapping[str, tuple[Deployment, ...]] = field(default_factory=dict)
    elsewhere: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    assets: Mapping[Asset, AssetFacts] = field(default_factory=dict)
    offer: Offer = field(default_factory=lambda: Offer(""))
    forbidden: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    asked: tuple[str, ...] = ()
    unread: frozenset[str] = frozenset()

    def deployment(self, document: Document) -> Deployment | None:
        """The deployment that a document describes, None when it is not there or not known."""
        named = self.deployments.get(document.endpoint.lower(), ())
        return next((each for each in named if each.name.lower() == document.name.lower()), None)


def gather(
    conn: Connection,
    bundle: Bundle,
    tell: Callable[[Facts], None] | None = None,
    *,
    limit_seconds: float | None = None,
) -> Facts:
    """Everything that the checks of ``bundle`` need to know. Never raises SluiceError: see :attr:`Facts.gaps`.

    ``tell`` gets what is known so far: at once, with nothing, and again when something has come and the rest takes
    time. No question is waited for longer than ``limit_seconds``, or than asking.LIMIT_SECONDS.
    """
    known = _Known(conn, bundle, Asking(limit_seconds))
    known.begin()
    if tell is not None:
        tell(known.facts())
    is_news = False
    for answered in known.asking.answers():
        if answered is not None:
            known.take(*answered)
            is_news = True
        elif is_news and tell is not None:
            tell(known.facts())
            is_news = False
    return known.facts()


class _Known:
    """What is known so far, and what has to be asked next."""

    def __init__(self, conn: Connection, bundle: Bundle, asking: Asking) -> None:
        self.conn, self.bundle, self.asking = conn, bundle, asking
        self._deployments = [each for each in bundle.documents if _is_deployment(each)]
        self._size = self._deployments[0].place("instance_type") if self._deployments else Place()
        self._names = {each.endpoint.lower(): each.endpoint for each in bundle.documents if each.endpoint}
        self._takes: dict[Question, Callable[[Any], None]] = {}
        self._gaps: list[Gap] = []
        self._found: dict[str, tuple[Endpoint | None, tuple[Deployment, ...]]] = {}
        self._assets: dict[Asset, AssetFacts] = {}
        self._elsewhere: dict[str, tuple[str, ...]] = {}
        self._forbidden: tuple[str, ...] = ()
        self._offer = Offer("")

    def begin(self) -> None:
        """Ask everything that depends on nothing else."""
        conn = self.conn
        so = "Without it neither what changes nor what the quota holds can be told."
        for key, name in self._names.items():
            take = partial(self._take_endpoint, key)
            self._ask(f"endpoint {name}", self._place_of(key), _Endpoint(conn, name), take, so)
        so = "Without it instance types, quota and the names of other workspaces cannot be asked for."
        self._ask("region of the workspace", self._size, lambda: workspace(conn).location, self._take_region, so)
        self._ask("your rights", Place(), lambda: forbidden(conn, _actions(self.bundle)), self._take_rights)
        named = [(asset, each) for each in self._deployments for asset in assets(each) if not asset.registry]
        for asset, each in dict(reversed(named)).items():
            what, place = f"{asset.what} {asset.text}", each.place(*asset.field)
            self._ask(what, place, _Asset(conn, asset), partial(self._assets.__setitem__, asset))

    def take(self, question: Question, answer: object) -> None:
        """What was answered, or the gap that it leaves."""
        if isinstance(answer, Gap):
            self._gaps.append(answer)
        else:
            self._takes[question](answer)

    def facts(self) -> Facts:
        """What is known now."""
        return Facts(
            endpoints={key: endpoint for key, (endpoint, _) in self._found.items()},
            deployments={key: deployments for key, (_, deployments) in self._found.items()},
            elsewhere=dict(self._elsewhere),
            assets=dict(self._assets),
            offer=self._offer,
            forbidden=self._forbidden,
            gaps=tuple(self._gaps),
            asked=self.asking.open,
            unread=frozenset(self._names.keys() - self._found.keys()),
        )

    def _ask(
        self, subject: str, place: Place, read: Callable[[], Any], take: Callable[[Any], None], so: str = ""
    ) -> None:
        question = Question(subject, place, read, so)
        self._takes[question] = take
        self.asking.ask(question)

    def _place_of(self, key: str) -> Place:
        """Where the files name an endpoint: best in its own."""
        named = sorted((each for each in self.bundle.documents if each.endpoint.lower() == key), key=_is_deployment)
        return named[0].place("endpoint_name" if _is_deployment(named[0]) else "name")

    def _take_endpoint(self, key: str, found: tuple[Endpoint | None, tuple[Deployment, ...]]) -> None:
        self._found[key] = found
        if found[0] is None and self._offer.region:
            self._ask_elsewhere({key: self._names[key]})

    def _take_rights(self, found: tuple[str, ...]) -> None:
        self._forbidden = found

    def _take_region(self, region: str) -> None:
        conn = self.conn
        self._offer = Offer(region)
        if not region:
            return
        # Apart from each other and from the rest: a role on the workspace alone may not read what a subscription has.
        self._ask("instance types", self._size, lambda: usages.sizes(conn, region), self._take_sizes)
        self._ask("quota", self._size, lambda: usages.usages(conn, region), self._take_usages)
        self._ask_elsewhere({key: self._names[key] for key, (endpoint, _) in self._found.items() if endpoint is None})

    def _take_sizes(self, found: Sequence[VmSize]) -> None:
        self._offer = replace(self._offer, sizes=tuple(found))

    def _take_usages(self, found: Sequence[Usage]) -> None:
        self._offer = replace(self._offer, usages=tuple(found))

    def _ask_elsewhere(self, names: Mapping[str, str]) -> None:
        if not names:
            return
        conn, region, place = self.conn, self._offer.region, self._place_of(next(iter(names)))
        subject = f"whether another workspace has {' or '.join(names.values())}"

        def ask_each(near: Sequence[WorkspaceRef]) -> None:
            for ref in near:
                self._ask(subject, place, partial(_there, conn.at(ref), names), self._take_elsewhere)

        self._ask(subject, place, lambda: _near(conn, region), ask_each)

    def _take_elsewhere(self, found: Mapping[str, str]) -> None:
        for key, name in found.items():
            self._elsewhere[key] = (*self._elsewhere.get(key, ()), name)


@dataclass(frozen=True)
class _Endpoint:
    """Reads an endpoint with its deployments."""

    conn: Connection
    name: str

    def __call__(self) -> tuple[Endpoint | None, tuple[Deployment, ...]]:
        try:
            return get_endpoint(self.conn, self.name), tuple(list_deployments(self.conn, self.name))
        except NotFound:
            return None, ()


@dataclass(frozen=True)
class _Asset:
    """Looks for an asset; when it is not there, for what may have been meant."""

    conn: Connection
    asset: Asset

    def __call__(self) -> AssetFacts:
        asset = self.asset
        where = self.conn.at(WorkspaceRef.of(asset.workspace)) if asset.workspace else self.conn
        found = asset_versions.find_version(where, asset.collection, asset.name, asset.version)
        if found is not None:
            return AssetFacts(found)
        return AssetFacts(None, alternatives(where, asset.collection, asset.name))


def _actions(bundle: Bundle) -> tuple[str, ...]:
    """What applying the bundle does in Azure, as role definitions name it."""
    found = []
    for document in bundle.documents:
        if document.kind is Kind.ENDPOINT:
            found.append("onlineEndpoints/write")
            continue
        found.append("onlineEndpoints/deployments/write")
        uploaded = {each.field[0] for each in local_files(document)}
        found += ["models/versions/write"] if "model" in uploaded else []
        found += ["codes/versions/write"] if "code_configuration" in uploaded else []
        found += ["environments/versions/write"] if mapping(document.content.get("environment")) else []
    return tuple(dict.fromkeys(found))


def _near(conn: Connection, region: str) -> tuple[WorkspaceRef, ...]:
    """The other workspaces of the subscription in ``region``."""
    mine, short = conn.workspace, region.replace(" ", "").lower()
    listed = workspaces.list_workspaces(conn, mine.subscription_id)
    near = (each.ref for each in listed if each.location == short and not each.ref.is_same(mine))
    return tuple(islice(near, _MOST_WORKSPACES))


def _there(conn: Connection, names: Mapping[str, str]) -> dict[str, str]:
    """Those of ``names`` that the connection's workspace has an endpoint of, with the workspace's name."""
    found = {}
    for key, name in names.items():
        try:
            get_endpoint(conn, name)
        except SluiceError:
            # Not there, or not for us to see: then Azure will say it when the endpoint is made.
            continue
        found[key] = conn.workspace.name
    return found


def _is_deployment(document: Document) -> bool:
    return document.kind is Kind.DEPLOYMENT
