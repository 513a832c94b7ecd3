"""Almost-right requests over the whole control plane: never a failure that nobody asked for, always Azure's shape."""

from __future__ import annotations

import http.client
import json
import os
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.faults import Fault, FaultBook, FaultError, parse_fault
from tests.emulator.fuzzing import SCALARS, Odd, almost, requests
from tests.local_azure import LocalAzure

EXAMPLES = 5000 if os.environ.get("SLUICE_TEST_COUNTS") == "full" else 400
Send = Callable[[Odd], tuple[int, dict[str, str], bytes]]
ENDPOINTS = [f"fuzzed-{number}" for number in range(40)]


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAzure]:
    """A local Azure to be maltreated."""
    with LocalAzure(tmp_path_factory.mktemp("fuzz") / "state") as running:
        entries = [{"name": name, "deployments": ["blue", "green"], "traffic": {"blue": 100}} for name in ENDPOINTS]
        running.control("POST", "seed", {"endpoints": entries}).raise_for_status()
        yield running
        assert "Traceback" not in running.output()


@pytest.fixture(scope="module")
def send(azure: LocalAzure) -> Iterator[Send]:
    """Sends one request on a connection that is kept while the server keeps it."""
    trust = ssl.create_default_context(cafile=azure.bundle)
    connection = http.client.HTTPSConnection("localhost", azure.port, context=trust, timeout=60)
    tokens = {resource: azure.token(resource=resource) for resource in ("https://management.azure.com",)}
    logs = azure.token(resource="https://api.loganalytics.io")

    def ask(odd: Odd) -> tuple[int, dict[str, str], bytes]:
        token = logs if odd.target.startswith("/v1/") else tokens["https://management.azure.com"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **odd.headers}
        connection.request(odd.method, odd.target, odd.body or None, headers)
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body

    yield ask
    connection.close()


def has_azures_shape(odd: Odd, status: int, headers: dict[str, str], body: bytes) -> bool:
    """Whether an error is one that a client of Azure can read: the envelope, its flat form, or storage's XML."""
    if odd.method == "HEAD":
        return body == b""
    if headers.get("content-type", "").startswith("application/xml"):
        return b"<Error><Code>" in body
    found = json.loads(body)
    if not isinstance(found, dict):
        return False
    if isinstance(found.get("error"), str):
        # The sign-in page's own shape (RFC 6749).
        return "/oauth2/" in odd.target and "error_description" in found
    inner = found.get("error", found)
    return isinstance(inner.get("code"), str) and isinstance(inner.get("message"), str)


@pytest.mark.emulator
def test_almost_right_requests_get_azures_kind_of_answer(azure: LocalAzure, send: Send) -> None:
    values = azure.environment
    known = {
        "ep": ENDPOINTS,
        "dep": ["blue", "green", "grey"],
        "sub": [values["AZURE_SUBSCRIPTION_ID"]],
        "rg": [values["AZURE_RESOURCE_GROUP"]],
        "ws": [values["AZUREML_WORKSPACE_NAME"]],
    }
    seen: dict[int, int] = {}

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )  # fmt: skip
    @given(odd=requests(known))
    def check(odd: Odd) -> None:
        status, headers, body = send(odd)
        seen[status] = seen.get(status, 0) + 1
        assert status < 500 or status == 501, (status, body[:500])
        assert status < 400 or has_azures_shape(odd, status, headers, body), (status, headers, body[:500])
        assert headers.get("x-ms-request-id")

    check()
    assert {200, 400, 404} <= set(seen)
    assert azure.control("GET", "health").json()["status"] == "ok"
    assert azure.arm("GET", "onlineEndpoints").status_code == 200


SEED: dict[str, Any] = {
    "workspaces": [{"subscription": "a", "resource_group": "b", "name": "c", "region": "d"}],
    "endpoints": [
        {
            "name": "odd", "deployments": ["blue", {"name": "green", "instanceType": "Standard_DS3_v2", "capacity": 2}],
            "traffic": {"blue": 100}, "mirrorTraffic": {"green": 10}, "authMode": "Key", "tags": {"a": "b"},
        }
    ],
    "created": [{"id": "/x", "createdAt": "2026-01-01T00:00:00Z"}],
    "rows": [{"started_at": 1.0, "endpoint": "odd", "deployment": "blue", "kind": "live"}],
    "history": [
        {
            "endpoint": "odd", "start": "2026-01-01T00:00:00Z", "minutes": 3, "seed": 1,
            "deployments": {"blue": {"per_minute": 2, "median_ms": 20, "spread": 0.1, "failing": 0.1, "status": 424}},
        }
    ],
}  # fmt: skip


@pytest.mark.emulator
def test_almost_right_seeds_are_made_or_refused(azure: LocalAzure, send: Send) -> None:
    secret = {"x-emulator-secret": azure.environment["EMULATOR_CONTROL_SECRET"]}

    @settings(max_examples=EXAMPLES // 2, deadline=None, derandomize=True, database=None)
    @given(part=st.sampled_from(sorted(SEED)).flatmap(lambda name: st.fixed_dictionaries({name: almost(SEED[name])})))
    def check(part: dict[str, Any]) -> None:
        odd = Odd("POST", "/_emulator/seed", secret, json.dumps(part).encode())
        status, headers, body = send(odd)
        assert status in (200, 400, 404), (status, body[:500])
        assert status == 200 or has_azures_shape(odd, status, headers, body)

    check()
    assert azure.arm("GET", "onlineEndpoints").status_code == 200


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    values=st.dictionaries(
        st.sampled_from([*Fault.__dataclass_fields__, "x"]),
        st.sampled_from(SCALARS)
        | st.sampled_from(["/x", "*", 500, {"code": "a", "message": "b"}, {"X": "y"}, [], 0.5]),
        max_size=6,
    ),
    source=st.randoms(use_true_random=False),
)
def test_any_description_of_a_fault_is_a_fault_or_a_sentence(values: dict[str, Any], source: Any) -> None:
    try:
        fault = parse_fault(values)
    except FaultError:
        return
    book = FaultBook(source)
    json.dumps(book.add(fault).as_json())
    book.take("GET", "/x", "a/b/read")
    book.outcome("a/b/write", "x/y")
