"""Brings the scoring plane to what the documents say: routes of endpoints, processes of deployments."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict

from emulator.arm.collecting import collecting
from emulator.arm.context import Context
from emulator.arm.rules import RuleBroken, auth_mode
from emulator.arm.specification import specification
from emulator.documents import Document
from emulator.errors import ServiceError
from emulator.scoring.model import DeploymentFailed, DeploymentSpec, EndpointRoute

log = logging.getLogger(__name__)
PARALLEL_STARTS = 2
DELETING = "Deleting"


class Serving:
    """The only caller of fleet and gateway."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._served: dict[str, DeploymentSpec] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._restoring: dict[str, asyncio.Event] = {}

    async def route(self, endpoint: str) -> None:
        """Put an endpoint's keys and split into effect. Returns when they are."""
        found = self._context.documents.get("endpoint", endpoint)
        assert found is not None
        properties = found["sent"]["properties"]
        await self._context.gateway.set_endpoint(
            endpoint,
            EndpointRoute(
                keys=(found["keys"]["primaryKey"], found["keys"]["secondaryKey"]),
                live=_positive(properties["traffic"]),
                mirror=_positive(properties["mirrorTraffic"]),
                auth_mode=auth_mode(properties.get("authMode", "Key")),
            ),
        )

    async def forget(self, endpoint: str) -> None:
        """Close an endpoint: nobody is let in any more."""
        await self._context.gateway.set_endpoint(endpoint, None)

    async def deploy(self, endpoint: str, deployment: str, document: Document) -> None:
        """Run a deployment as its document says; does nothing when it runs just so. Raises DeploymentFailed."""
        await self._restored(f"{endpoint}/{deployment}")
        await self._deploy(endpoint, deployment, document)
        parent = self._context.documents.get("endpoint", endpoint)
        if parent is not None and parent.get("seeded"):
            # Until it has something that runs, the gateway need not know it.
            await self.route(endpoint)

    async def _deploy(self, endpoint: str, deployment: str, document: Document) -> None:
        key = f"{endpoint}/{deployment}"
        try:
            wanted = specification(self._context, endpoint, deployment, document)
            collector = collecting(self._context, endpoint, deployment, document)
        except (RuleBroken, ServiceError) as error:
            raise DeploymentFailed("BadArgument", error.message) from error
        async with self._locks[key]:
            if self._served.get(key) != wanted:
                await self._context.fleet.deploy(wanted)
                self._served[key] = wanted
            await self._context.gateway.set_collector(endpoint, deployment, collector)

    async def remove(self, endpoint: str, deployment: str) -> None:
        """Stop a deployment."""
        key = f"{endpoint}/{deployment}"
        await self._restored(key)
        async with self._locks[key]:
            self._served.pop(key, None)
            await self._context.gateway.set_collector(endpoint, deployment, None)
            await self._context.fleet.remove(endpoint, deployment)

    @property
    def restoring(self) -> list[str]:
        """The deployments that are still coming back, as endpoint/deployment."""
        return sorted(key for key, done in self._restoring.items() if not done.is_set())

    def plan_restore(self) -> None:
        """Note what has to come back. Changes to it wait from now on until it has."""
        leaving = {name for name, found in self._context.documents.all("endpoint") if found["state"] == DELETING}
        self._restoring = {
            key: asyncio.Event()
            for key, found in self._context.documents.all("deployment")
            if found["applied"]
            and not found.get("seeded")
            and found["state"] != DELETING
            and key.split("/")[0] not in leaving
        }

    async def restore(self) -> None:
        """Bring everything back that was being served when the server stopped."""
        occupied = {key.split("/")[0] for key in self._restoring}
        for name, listed in self._context.documents.all("endpoint"):
            if listed.get("seeded") and name not in occupied:
                continue
            found = self._context.documents.get("endpoint", name)
            # It may have been deleted while the ones before it were routed; a deletion under way has closed it.
            if found is not None and found["state"] != DELETING:
                await self.route(name)
        turns = asyncio.Semaphore(PARALLEL_STARTS)
        await asyncio.gather(*(self._restore(key, turns) for key in self._restoring))

    async def _restored(self, key: str) -> None:
        if key in self._restoring:
            await self._restoring[key].wait()

    async def _restore(self, key: str, turns: asyncio.Semaphore) -> None:
        endpoint, deployment = key.split("/")
        try:
            async with turns:
                await self._restore_one(key, endpoint, deployment)
        finally:
            # Whatever happened: what waits for it must go on.
            self._restoring[key].set()

    async def _restore_one(self, key: str, endpoint: str, deployment: str) -> None:
        found = self._context.documents.get("deployment", key)
        problem: dict[str, str] | None = None
        try:
            if found is not None:
                await self._deploy(endpoint, deployment, found["applied"])
        except DeploymentFailed as error:
            problem = {"code": error.code, "message": error.message}
        except Exception as error:
            log.exception("deployment %s did not come back", key)
            problem = {"code": "InternalServerError", "message": f"{type(error).__name__}: {error}"}
        self._note_restored(key, problem)

    def _note_restored(self, key: str, problem: dict[str, str] | None) -> None:
        found = self._context.documents.get("deployment", key)
        if found is None:
            return
        if problem is not None:
            log.error("deployment %s did not come back: %s", key, problem["message"])
            if found["state"] == "Succeeded":
                self._context.documents.put("deployment", key, {**found, "state": "Failed", "lost": True})
        elif found.get("lost"):
            self._context.documents.put("deployment", key, {**found, "state": "Succeeded", "lost": False})


def _positive(shares: dict[str, int]) -> dict[str, int]:
    return {name: percent for name, percent in shares.items() if percent}
