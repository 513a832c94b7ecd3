"""What autoscale did is found in the activity log of the local Azure."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.azure.autoscale_events import Scaling, scalings
from services.azure.connection import Connection
from services.errors import AccessDenied
from tests.autoscaled import MINUTES_AGO, scaled_to_three
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator


def read(conn: Connection, endpoint_id: str) -> tuple[Scaling, ...]:
    now = datetime.now(UTC)
    return scalings(conn, endpoint_id, now - timedelta(minutes=10), now + timedelta(minutes=1))


def test_a_scaling_is_told_once_with_its_counts_and_its_profile(
    conn: Connection, local_azure: LocalAzure, fault: Callable[..., None]
) -> None:
    with scaled_to_three(local_azure, "scaled-and-told") as endpoint_id:
        deadline = time.monotonic() + 60
        while not (found := read(conn, endpoint_id)):
            assert time.monotonic() < deadline
        (one,) = found
        assert (one.deployment, one.old, one.new, one.is_failed) == ("blue", 2, 3, False)
        assert one.reason == "profile night shift, minimum 3"
        assert abs(datetime.now(UTC) - timedelta(minutes=MINUTES_AGO) - one.at) < timedelta(minutes=2)

        assert read(conn, endpoint_id.replace("scaled-and-told", "scaled-and")) == ()
        assert read(conn, endpoint_id.upper())[0].correlation_id == one.correlation_id
        now = datetime.now(UTC)
        assert scalings(conn, endpoint_id, now - timedelta(days=400), now - timedelta(days=300)) == ()

        fault(path="/subscriptions/*eventtypes*", status=403)
        with pytest.raises(AccessDenied, match="What autoscale did could not be read"):
            read(conn, endpoint_id)
