"""What the gateway knows: endpoints and deployments, by names that do not differ by case alone."""

from __future__ import annotations

from emulator.scoring.gateway.admission import Occupancy, Pool
from emulator.scoring.model import EndpointRoute


class Table:
    """The endpoints and deployments the gateway knows. Changes take effect with the next request.

    On Azure the endpoint is part of a host name, so its spelling in an address does not matter; nor does a
    deployment's. Rows and answers carry the names as they were given here.
    """

    def __init__(self) -> None:
        self.occupancy = Occupancy()
        self._endpoints: dict[str, tuple[str, EndpointRoute]] = {}
        self._pools: dict[tuple[str, str], tuple[str, Pool]] = {}

    def set_endpoint(self, name: str, route: EndpointRoute | None) -> None:
        """Set keys and split of an endpoint; None forgets the endpoint."""
        if route is None:
            self._endpoints.pop(name.lower(), None)
        else:
            self._endpoints[name.lower()] = (name, route)

    def set_deployment(self, key: tuple[str, str], urls: tuple[str, ...], timeout_ms: int, max_concurrent: int) -> None:
        """Point a deployment (endpoint, name) at its instances; without any it is forgotten."""
        place = (key[0].lower(), key[1].lower())
        if urls:
            _, pool = self._pools.setdefault(place, (key[1], Pool(self.occupancy)))
            pool.configure(urls, timeout_ms, max_concurrent)
        elif place in self._pools:
            self._pools.pop(place)[1].configure((), timeout_ms, max_concurrent)

    def endpoint(self, name: str) -> tuple[str, EndpointRoute] | None:
        """The endpoint in its own spelling and its route, None when there is none."""
        return self._endpoints.get(name) or self._endpoints.get(name.lower())

    def pool(self, endpoint: str, deployment: str) -> Pool | None:
        """The instances of a deployment, None when none serve."""
        found = self._pools.get((endpoint, deployment)) or self._pools.get((endpoint.lower(), deployment.lower()))
        return None if found is None else found[1]

    def deployment(self, endpoint: str, route: EndpointRoute, name: str) -> str | None:
        """A deployment that a caller named, in its own spelling; None when there is none."""
        found = self._pools.get((endpoint.lower(), name.lower()))
        if found is not None:
            return found[0]
        return next((each for each in (*route.live, *route.mirror) if each.lower() == name.lower()), None)
