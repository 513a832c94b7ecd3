"""Requests that are almost right: known paths, real bodies and queries, each with something odd in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from hypothesis import strategies as st

MACHINE_LEARNING = "/providers/Microsoft.MachineLearningServices"
WORKSPACE = "/subscriptions/{sub}/resourceGroups/{rg}" + MACHINE_LEARNING + "/workspaces/{ws}"
ENDPOINT = WORKSPACE + "/onlineEndpoints/{ep}"
DEPLOYMENT = ENDPOINT + "/deployments/{dep}"
GROUP_INSIGHTS = "/subscriptions/{sub}/resourceGroups/{rg}/providers/Microsoft.Insights"
PATHS = (
    "/subscriptions",
    "/subscriptions/{sub}",
    "/subscriptions/{sub}/resourceGroups",
    "/subscriptions/{sub}/resourceGroups/{rg}",
    "/subscriptions/{sub}/resources",
    "/subscriptions/{sub}/locations",
    "/tenants",
    "/subscriptions/{sub}/resourceGroups/{rg}" + MACHINE_LEARNING + "/workspaces",
    *(
        "/subscriptions/{sub}" + MACHINE_LEARNING + "/locations/{any}/" + name
        for name in ("usages", "quotas", "vmSizes")
    ),
    "/subscriptions/{sub}" + MACHINE_LEARNING + "/locations/{any}/mfeOperationsStatus/{any}",
    "/subscriptions/{sub}" + MACHINE_LEARNING + "/locations/{any}/mfeOperationResults/{any}",
    WORKSPACE,
    WORKSPACE + "/providers/Microsoft.Authorization/permissions",
    *(WORKSPACE + "/datastores" + rest for rest in ("", "/{any}", "/{any}/listSecrets")),
    *(
        f"{WORKSPACE}/{kind}{rest}"
        for kind in ("models", "codes", "environments")
        for rest in ("", "/{any}", "/{any}/versions", "/{any}/versions/{any}", "/{any}/versions/1/startPendingUpload")
    ),
    WORKSPACE + "/models/{any}/labels/{any}",
    WORKSPACE + "/{any}",
    WORKSPACE + "/onlineEndpoints",
    *(ENDPOINT + rest for rest in ("", "", "", "/listKeys", "/regenerateKeys", "/token", "/{any}")),
    ENDPOINT + "/deployments",
    *(DEPLOYMENT + rest for rest in ("", "", "", "/getLogs", "/skus", "/{any}")),
    *(
        base + "/providers/Microsoft.Insights/" + what
        for base in (ENDPOINT, DEPLOYMENT, WORKSPACE)
        for what in (
            "metrics",
            "metricDefinitions",
            "metricNamespaces",
            "diagnosticSettings",
            "diagnosticSettings/{any}",
        )
    ),
    "/subscriptions/{sub}/metrics:getBatch",
    "/subscriptions/{sub}/providers/Microsoft.Insights/eventtypes/management/values",
    *(GROUP_INSIGHTS + "/autoscaleSettings" + rest for rest in ("", "/{any}")),
    "/subscriptions/{sub}/resourceGroups/{rg}/providers/Microsoft.OperationalInsights/workspaces/{any}",
    "/v1/workspaces/{any}/query",
    "/v1/$batch",
    "/devacct.blob.core.local/{any}/{any}",
    "/metadata/endpoints",
    "/{any}/oauth2/v2.0/token",
    "/{any}/{any}",
)
ODD = (
    "..",
    "%2e%2e",
    "%2e",
    "%00",
    "a%2Fb",
    "%5C",
    "日",
    "é",
    "%ff",
    "%20",
    "%0d%0a",
    "'",
    '"',
    "`",
    "x" * 260,
    "-1",
    "0",
    "null",
    "undefined",
    "1e9",
    "*",
    "$top",
    ":",
    ";a=b",
    "%25",
    "{}",
    "[]",
    "<a>",
    "a.b",
    "A",
    "a--b",
    "%E2%80%AE",
    "latest",
    "1",
    "~",
)
VERSIONS = {
    "": "2022-12-01",
    "MachineLearning": "2023-04-01-preview",
    "/metric": "2023-10-01",
    "/diagnosticSettings": "2021-05-01-preview",
    "/autoscaleSettings": "2022-10-01",
    "/eventtypes": "2015-04-01",
    "OperationalInsights": "2022-10-01",
    "Authorization": "2022-04-01",
}
RIGHT = ("fuzzed", "blue", "m1", "1", "2", "workspaceblobstore", "westeurope", "azureml-blobstore", "common")
SCALARS = (
    None,
    True,
    False,
    0,
    -1,
    1,
    50,
    2**31,
    2**63,
    1e308,
    -0.5,
    "",
    "x",
    "日\x00\ud83d",
    "PT5S",
    "PT",
    "1.5",
    "x" * 5000,
)
QUERIES = {
    "$top": ("1", "0", "-1", "x", "²", "99999999999999999999"),
    "$skip": ("x", "-1", "1"),
    "$skipToken": ("x", "%", "'"),
    "$filter": (
        "deployment eq '*'",
        "deployment eq 'blue' and",
        "' eq",
        "eventTimestamp ge '2026-01-01T00:00:00Z'",
        "(" * 200,
    ),
    "$select": ("x",),
    "count": ("x", "5", "-1", "0"),
    "orderBy": ("x", "CreatedTime desc"),
    "name": ("x", "'", "%"),
    "tags": ("a=b", "=", ","),
    "properties": ("a=b",),
    "timespan": (
        "PT1H",
        "P1D",
        "x",
        "/",
        "2026-01-01/2025-01-01",
        "2026-01-01T00:00:00Z/2026-01-01T01:00:00Z",
        "PT-1H",
        "P9999Y",
    ),
    "interval": ("PT1M", "FULL", "x", "PT0S", "P1D", "PT7M"),
    "metricnames": ("RequestLatency", "RequestsPerMinute,RequestLatency_P99", "x", ","),
    "aggregation": ("average", "total,count", "x", ""),
    "metricnamespace": ("microsoft.machinelearningservices/workspaces/onlineendpoints", "x"),
    "resultType": ("metadata", "data", "x"),
    "orderby": ("average desc", "x", "average asc"),
    "top": ("1", "-1", "x"),
    "rollupby": ("deployment", "x"),
    "starttime": ("2026-01-01T00:00:00Z", "x"),
    "endtime": ("2026-01-01T01:00:00Z", "x"),
    "query": ("AmlOnlineEndpointTrafficLog | take 1", "x", "|", "print 1"),
    "hash": ("abc", "%"),
    "listViewType": ("ActiveOnly", "x", "All"),
    "skip": ("x", "1"),
    "restype": ("container",),
    "comp": ("list", "block", "blocklist", "x"),
}
BODIES: dict[str, Any] = json.loads(Path(__file__).with_name("fuzz_bodies.json").read_text())
"""Real bodies by a part of the path they belong to; of several parts the last one counts."""
METHODS = ("GET",) * 4 + ("PUT",) * 4 + ("POST",) * 4 + ("PATCH", "PATCH", "DELETE", "HEAD", "OPTIONS")
BROKEN = (b"", b"null", b"[]", b"{", b'"x"', b"\xff\xfe", b'{"a":NaN}', b"[" * 5000, b"{}" + b" " * 100)
HEADERS = (
    {"If-Match": "*"},
    {"If-None-Match": '"x"'},
    {"Accept": "text/html"},
    {"Content-Type": "text/plain"},
    {"Prefer": "wait=x"},
    {"x-ms-client-request-id": "日".encode().decode("latin-1")},
    {"x-ms-client-request-id": "x" * 300},
    {"Range": "bytes=-1"},
    {"Expect": "x"},
    {"Accept-Encoding": "gzip;q=x"},
    {"Authorization": "Bearer x"},
    {"Authorization": "Basic \xff"},
    {"Content-Encoding": "gzip"},
    {"X-HTTP-Method-Override": "DELETE"},
    {"Host": "x" * 300},
    {"x-ms-range": "bytes=9-1"},
)


class Odd(NamedTuple):
    """One request as it goes over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


def _json() -> st.SearchStrategy[Any]:
    scalars = st.sampled_from(SCALARS)
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("name", "id", "x")), inner),
        max_leaves=6,
    )


def _places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in _places(each, (*path, key)))]


def _with(value: Any, place: tuple[str | int, ...], new: Any) -> Any:
    if not place:
        return new
    key, rest = place[0], place[1:]
    if isinstance(value, dict):
        return {name: _with(each, rest, new) if name == key else each for name, each in value.items()}
    return [_with(each, rest, new) if number == key else each for number, each in enumerate(value)]


@st.composite
def almost(draw: st.DrawFn, value: Any) -> Any:
    """A JSON value with one or two odd things in it."""
    changes: int = draw(st.sampled_from((1, 2)))
    for _ in range(changes):
        value = _with(value, draw(st.sampled_from(_places(value))), draw(_json()))
    return value


@st.composite
def _bodies(draw: st.DrawFn, path: str) -> bytes:
    if draw(st.integers(0, 19)) == 0:
        return draw(st.sampled_from(BROKEN))
    fitting = [body for part, body in BODIES.items() if part in path]
    is_another = draw(st.integers(0, 9)) == 0 or not fitting
    value = draw(st.sampled_from([*BODIES.values()])) if is_another else fitting[-1]
    return json.dumps(draw(almost(value)) if draw(st.booleans()) else value).encode()


@st.composite
def requests(draw: st.DrawFn, known: Mapping[str, Sequence[str]]) -> Odd:
    """A request; ``known`` gives the names that are right."""
    path = template = draw(st.sampled_from(PATHS))
    while "{" in path:
        before, _, rest = path.partition("{")
        name, _, after = rest.partition("}")
        right = draw(st.sampled_from(known.get(name, RIGHT)))
        is_right = draw(st.integers(0, 19)) > 0
        path = before + (right if is_right else draw(st.sampled_from(ODD))).replace("{", "%7B") + after
    if draw(st.integers(0, 9)) == 0:
        path = draw(st.sampled_from((path + "/", path.upper(), path.replace("/", "//"), path + "/.", path + "?")))
    queries = draw(st.lists(st.sampled_from(sorted(QUERIES)), max_size=3, unique=True))
    pairs = [f"{name}={quote(draw(st.sampled_from(QUERIES[name])))}" for name in queries]
    version = draw(st.integers(0, 19))
    if version:
        fitting = [each for part, each in VERSIONS.items() if part in template][-1]
        pairs.append("api-version=" + (fitting if version > 1 else draw(st.sampled_from(ODD))))
    target = quote(f"{path}?{'&'.join(pairs)}", safe="/?&=%:;$',()*~[]!@+")
    headers = draw(st.sampled_from(HEADERS)) if draw(st.integers(0, 4)) == 0 else {}
    method = draw(st.sampled_from(METHODS))
    return Odd(method, target, dict(headers), b"" if method in ("GET", "HEAD") else draw(_bodies(template)))
