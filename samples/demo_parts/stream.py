"""A gentle stream of real requests to one endpoint, for as long as the demo runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random

import requests
from azure.ai.ml import MLClient
from azure.ai.ml.exceptions import MlException
from azure.core.exceptions import AzureError
from demo_parts.pace import wave
from demo_parts.payloads import Payloads

LONGEST_PAUSE_SECONDS = 15.0
"""The longest pause between two attempts to reach an endpoint that does not answer."""

LOST_AFTER = 3
"""So many requests in a row without any answer make the stream ask where the endpoint is now."""


class Stream(threading.Thread):
    """Sends requests over one kept-alive connection until ``stop`` is set.

    An endpoint that cannot be reached is tried again at growing intervals, without a word. ``on_lost`` is called each
    time it has been silent for a while.
    """

    def __init__(
        self,
        client: MLClient,
        endpoint: str,
        payloads: Payloads,
        per_second: float,
        stop: threading.Event,
        clock: Callable[[], float],
        on_lost: Callable[[], None],
    ) -> None:
        super().__init__(name=f"stream to {endpoint}", daemon=True)
        self._client, self._endpoint, self._payloads = client, endpoint, payloads
        self._per_second, self._stop_event, self._clock, self._on_lost = per_second, stop, clock, on_lost
        self._random = Random()
        self._session = requests.Session()
        self._uri = ""
        self._silent = 0

    def run(self) -> None:
        """Send until told to stop."""
        while not self._stop_event.wait(self._pause()):
            if not self._uri:
                self._find()
            if self._uri:
                self._send()

    def _pause(self) -> float:
        if self._silent:
            return min(0.5 * 2.0**self._silent, LONGEST_PAUSE_SECONDS)
        return self._random.expovariate(self._per_second * wave(self._clock()))

    def _send(self) -> None:
        try:
            answer = self._session.post(
                self._uri,
                data=self._payloads.body(self._random),
                headers=self._payloads.headers(self._random),
                timeout=(5, 30),
            )
        except requests.RequestException:
            self._missed()
            return
        self._silent = 0
        if answer.status_code in (401, 404):
            # The key was renewed, or the endpoint is gone or has no traffic: look again, and not too often.
            self._uri = ""
            self._silent = LOST_AFTER

    def _missed(self) -> None:
        self._silent += 1
        if self._silent >= LOST_AFTER:
            self._uri = ""
            self._on_lost()

    def _find(self) -> None:
        try:
            self._uri = self._client.online_endpoints.get(self._endpoint).scoring_uri
            key = self._client.online_endpoints.get_keys(self._endpoint).primary_key
        except (AzureError, MlException):
            self._uri = ""
            self._missed()
            return
        self._session.headers["Authorization"] = f"Bearer {key}"
