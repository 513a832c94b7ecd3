"""What a full deployment does to its callers: the share of requests that it refuses with 429. Pure.

A deployment is a queue. It works on ``servers`` requests at once, holds at most ``places``, those at work included, and
refuses what comes while all places are taken.
"""

from __future__ import annotations

import math


def servers(instances: int, max_concurrent: int, workers: int) -> int:
    """Requests that are worked on at once: an instance gets at most ``max_concurrent``, and has ``workers`` for them.

    Microsoft's inference server scores one request at a time in each of its WORKER_COUNT processes.
    """
    return instances * min(max_concurrent, workers)


def places(instances: int, max_concurrent: int) -> int:
    """Requests that a deployment holds before it answers 429 (reference of max_concurrent_requests_per_instance)."""
    return 2 * max_concurrent * instances


def rejected_share(arrivals_per_second: float, service_seconds: float, servers: int, places: int) -> float:
    """The share of requests, 0 to 1, that find all places taken: the loss probability of an M/M/s/K queue.

    Arrivals come at random (Poisson) at ``arrivals_per_second``; one takes ``service_seconds`` on average,
    exponentially distributed, not counting any wait. The probability of n requests in the system obeys
    ``p(n) = p(n - 1) x load / min(n, servers)`` (Gross et al., Fundamentals of Queueing Theory, M/M/c/K), and the one
    of n = ``places`` is the answer. It is built up place by place from numbers between 0 and 1, as Erlang's formula
    usually is, so that it neither overflows nor cancels.

    Raises ValueError for a load that is negative or not finite, no server, or fewer places than servers.
    """
    load = arrivals_per_second * service_seconds
    if not 0 <= load < math.inf or servers < 1 or places < servers:
        raise ValueError(f"no queue: load {load}, {servers} servers, {places} places")
    share = 1.0
    for taken in range(1, places + 1):
        ahead = load / min(taken, servers) * share
        share = ahead / (1 + ahead)
    return share
