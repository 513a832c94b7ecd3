"""Log Analytics without HTTP: queries against the truth computed from the raw rows, and what a query may not do."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from emulator.monitor.logs.console import ConsoleLines, Source
from emulator.monitor.logs.engine import Engine, Limits, Result
from emulator.monitor.logs.errors import LogsError
from emulator.monitor.logs.ingestion import Ingestion, Logged, Sources
from emulator.monitor.logs.tables import CONSOLE, EVENTS, TABLES, TRAFFIC
from emulator.monitor.logs.translation import NotTranslated, Translator
from emulator.resources import Place
from emulator.scoring.telemetry.events import Event, Events
from emulator.scoring.telemetry.rows import Row, Telemetry
from tests.emulator.test_telemetry import row

NOW = 1_800_000_000.0
PLACE = Place("s1", "rg", "ws", "westeurope")
TENANT = "11111111-2222-3333-4444-555555555555"
HOUR = 3600.0


def logged(endpoint: str, *wanted: tuple[float, float | None]) -> Logged:
    resource = PLACE.endpoint_id(endpoint).lower()
    return Logged(resource, endpoint, PLACE, TENANT, dict.fromkeys(TABLES, wanted or ((0.0, None),)))


@dataclass
class Setup:
    """The sources of rows, and an engine that follows them."""

    sources: Sources
    engine: Engine
    ingestion: Ingestion

    def ask(self, text: str, scope: str = "", condition: str = "true", seconds: float = 30.0) -> Result:
        numbers = ", ".join(map(str, self.ingestion.numbers(scope))) or "-1"
        seen = dict.fromkeys(TABLES, f"k.resource IN ({numbers}) AND {condition}")
        return self.engine.run(text, seen, NOW, seconds)

    def rows(self, text: str, **options: Any) -> list[dict[str, Any]]:
        result = self.ask(text, **options)
        assert result.error is None
        names = [each.name for each in result.columns]
        return [dict(zip(names, values, strict=True)) for values in json.loads(b"[" + result.text + b"]")]

    def refusal(self, text: str) -> dict[str, Any]:
        with pytest.raises(LogsError) as caught:
            self.ask(text)
        assert caught.value.status == 400
        assert caught.value.body["error"]["code"] == "BadArgumentError"
        inner: dict[str, Any] = caught.value.body["error"]["innererror"]
        return inner


@contextmanager
def opened(folder: Path) -> Iterator[Setup]:
    path = folder / "telemetry.db"
    sources = Sources(Telemetry(path), Events(path), ConsoleLines(folder / "console.db"))
    engine = Engine(Limits(rows=5_000, bytes=2_000_000))
    yield Setup(sources, engine, Ingestion(engine, sources))
    engine.close()
    for source in sources:
        source.close()


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    """A log of its own."""
    with opened(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    """A log that has the history, for tests that add nothing."""
    with opened(tmp_path_factory.mktemp("still")) as made:
        made.sources.telemetry.append(history())
        made.ingestion.catch_up([logged("fraud"), logged("churn")])
        yield made


def history() -> list[Row]:
    """Two hours of two endpoints, failures and mirrored requests included."""
    source = random.Random(11)
    rows = []
    for number in range(3000):
        kind, deployment = source.choice([("live", "blue"), ("live", "blue"), ("live", "green"), ("mirror", "green")])
        status, model = source.choice([(200, 200)] * 15 + [(424, 500), (500, 0), (408, 0), (404, 404)])
        total = source.lognormvariate(3.3, 0.6)
        rows.append(
            row(
                started_at=NOW - source.random() * 2 * HOUR,
                endpoint=source.choice(["fraud", "fraud", "fraud", "churn"]),
                deployment=deployment,
                kind=kind,
                status=status,
                model_status=model,
                reason="model_error" if status == 424 else "",
                total_ms=total,
                request_ms=1.2,
                response_ms=total - 2,
                request_id=f"request-{number}",
                client_request_id=f"client-{number % 7}",
                user_agent="a browser of a very long name " * 4,
                method="POST",
                path="/score",
                auth="aad_token",
                identity="someone",
            )
        )
    return rows


@pytest.fixture
def busy(still: Setup) -> tuple[Setup, pd.DataFrame]:
    """The history as Log Analytics has it, and the same as a frame of live rows."""
    frame = pd.DataFrame([entry for entry in history() if entry["kind"] == "live"])
    frame["ms"] = frame["total_ms"].round().astype(int)
    frame["at"] = pd.to_datetime(frame["started_at"], unit="s", utc=True)
    return still, frame


LIVE = "NOT k.shadow"

QUERY_A = f"""
let ep = "fraud"; let span = 2h; let step = 5m;
{TRAFFIC}
| where TimeGenerated > ago(span) and EndpointName =~ ep
| summarize Requests = count(), Err5xx = countif(ResponseCode >= 500),
    Err4xx = countif(ResponseCode between (400 .. 499)), ModelErr = countif(ResponseCode == 424),
    p50 = percentile(TotalDurationMs, 50), p90 = percentile(TotalDurationMs, 90),
    p95 = percentile(TotalDurationMs, 95), p99 = percentile(TotalDurationMs, 99)
  by DeploymentName, bin(TimeGenerated, step)
| extend ErrorRate = todouble(Err5xx + ModelErr) / Requests
| order by TimeGenerated asc, DeploymentName asc
"""


def test_latency_and_errors_per_deployment_and_bin(busy: tuple[Setup, pd.DataFrame]) -> None:
    setup, frame = busy
    fraud = frame[frame.endpoint == "fraud"]
    found = setup.rows(QUERY_A, condition=LIVE)
    groups = fraud.groupby([fraud["at"].dt.floor("5min"), "deployment"])
    assert [(one["TimeGenerated"], one["DeploymentName"]) for one in found] == [
        (f"{at:%Y-%m-%dT%H:%M:%SZ}", name) for at, name in groups.size().index.tolist()
    ]
    for one, (_, members) in zip(found, groups, strict=True):
        assert one["Requests"] == len(members)
        assert one["Err5xx"] == (members.status >= 500).sum()
        assert one["Err4xx"] == members.status.between(400, 499).sum()
        assert one["ModelErr"] == (members.status == 424).sum()
        assert one["ErrorRate"] == pytest.approx((one["Err5xx"] + one["ModelErr"]) / len(members))
        for name, percent in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)):
            # Both answer with a value that there is: the nearest rank, one side or the other of the exact place.
            assert members.ms.quantile(percent, "lower") <= one[name] <= members.ms.quantile(percent, "higher")


def test_counts_per_minute_add_up(busy: tuple[Setup, pd.DataFrame]) -> None:
    setup, frame = busy
    text = f"""{TRAFFIC} | where EndpointName == "fraud"
        | summarize n = count() by DeploymentName, ResponseCode, bin(TimeGenerated, 1m)"""
    found = setup.rows(text, condition=LIVE)
    fraud = frame[frame.endpoint == "fraud"]
    truth = fraud.groupby(["deployment", "status", fraud["at"].dt.floor("1min")]).size()
    assert {
        (one["DeploymentName"], one["ResponseCode"], pd.Timestamp(one["TimeGenerated"])): one["n"] for one in found
    } == truth.to_dict()


def test_a_histogram_of_milliseconds(busy: tuple[Setup, pd.DataFrame]) -> None:
    setup, frame = busy
    text = f"""{TRAFFIC} | where TimeGenerated > ago(2h) and EndpointName == "fraud"
        | summarize n = count() by DeploymentName, ms = bin(TotalDurationMs, 1)"""
    found = {(one["DeploymentName"], one["ms"]): one["n"] for one in setup.rows(text, condition=LIVE)}
    assert found == frame[frame.endpoint == "fraud"].groupby(["deployment", "ms"]).size().to_dict()


def test_raw_rows(busy: tuple[Setup, pd.DataFrame]) -> None:
    setup, frame = busy
    text = f"""{TRAFFIC} | where TimeGenerated > ago(1h) and EndpointName == "fraud"
        | project TimeGenerated, DeploymentName, ResponseCode, ModelStatusCode, TotalDurationMs, XRequestId,
            XMSClientRequestId | take 50000"""
    found = {one["XRequestId"]: one for one in setup.rows(text, condition=LIVE)}
    wanted = frame[(frame.endpoint == "fraud") & (frame.started_at > NOW - HOUR)].set_index("request_id")
    assert set(found) == set(wanted.index)
    for name, one in found.items():
        truth = wanted.loc[name]
        assert pd.Timestamp(one["TimeGenerated"]).timestamp() == pytest.approx(truth.started_at, abs=1e-5)
        assert (one["ResponseCode"], one["TotalDurationMs"]) == (truth.status, truth.ms)
        assert one["XMSClientRequestId"] == truth.client_request_id


def test_failures_by_reason(busy: tuple[Setup, pd.DataFrame]) -> None:
    setup, frame = busy
    text = f"""{TRAFFIC} | where EndpointName == "fraud" and ResponseCode != 200
        | summarize n = count(), newest = max(TimeGenerated)
          by DeploymentName, ResponseCode, ResponseCodeReason, ModelStatusCode | order by n desc"""
    found = setup.rows(text, condition=LIVE)
    failed = frame[(frame.endpoint == "fraud") & (frame.status != 200)]
    truth = failed.groupby(["deployment", "status", "reason", "model_status"]).size().to_dict()
    keys = ("DeploymentName", "ResponseCode", "ResponseCodeReason", "ModelStatusCode")
    assert {tuple(one[key] for key in keys): one["n"] for one in found} == truth
    assert [one["n"] for one in found] == sorted(truth.values(), reverse=True)


def test_freshness_follows_the_clock_of_the_local_azure(busy: tuple[Setup, pd.DataFrame]) -> None:
    setup, frame = busy
    text = f"{TRAFFIC} | summarize newest = max(TimeGenerated) | extend age_s = datetime_diff('second', now(), newest)"
    [one] = setup.rows(text, condition=LIVE)
    newest = frame["started_at"].max()
    assert pd.Timestamp(one["newest"]).timestamp() == pytest.approx(newest, abs=1e-5)
    assert abs(one["age_s"] - (NOW - newest)) <= 1


def test_deployments_that_were_seen(busy: tuple[Setup, pd.DataFrame]) -> None:
    setup, frame = busy
    text = f"""{TRAFFIC} | where TimeGenerated > ago(30m) and EndpointName == "fraud"
        | summarize n = count() by DeploymentName"""
    recent = frame[(frame.endpoint == "fraud") & (frame.started_at > NOW - HOUR / 2)]
    found = {one["DeploymentName"]: one["n"] for one in setup.rows(text, condition=LIVE)}
    assert found == recent.groupby("deployment").size().to_dict()
    with_shadow = {one["DeploymentName"]: one["n"] for one in setup.rows(text)}
    assert with_shadow["green"] > found["green"]


def test_console_lines_are_taken_apart(setup: Setup, tmp_path: Path) -> None:
    log = tmp_path / "instance-0.log"
    stamp = datetime.fromtimestamp(NOW - 60, UTC)
    lines = [f"{stamp:%Y-%m-%dT%H:%M:%S}Z rid=r{n} deployment=green ms={n * 10} done" for n in range(5)]
    log.write_text("".join(f"{line}\n" for line in [*lines, "no stamp and no request"]))
    setup.sources.console.follow([Source(log, "fraud", "green", "i-1", "inference-server", "image:1", False)])
    setup.ingestion.catch_up([logged("fraud")])
    text = f"""{CONSOLE}
        | where _ResourceId endswith "/onlineendpoints/fraud" and DeploymentName == "green"
            and ContainerName == "inference-server"
        | parse Message with * "rid=" rid:string " deployment=" dep:string " ms=" ms:long " " *
        | where isnotempty(rid)
        | project TimeGenerated, InstanceId, rid, ms | top 2000 by ms desc"""
    assert [(one["rid"], one["ms"], one["InstanceId"]) for one in setup.rows(text)] == [
        (f"r{n}", n * 10, "i-1") for n in (4, 3, 2, 1, 0)
    ]
    [last] = setup.rows(f"{CONSOLE} | where Message startswith 'no stamp'")
    assert last["TimeGenerated"] == f"{stamp:%Y-%m-%dT%H:%M:%SZ}"
    assert (last["ContainerImageName"], last["Type"]) == ("image:1", CONSOLE)


def test_events_are_rows(setup: Setup) -> None:
    setup.sources.events.append(Event(NOW - 5, "fraud", "blue", "i-1", "Started", "Started container"))
    setup.ingestion.catch_up([logged("fraud")])
    [one] = setup.rows(f"{EVENTS} | where Name == 'Started'")
    assert (one["DeploymentName"], one["InstanceId"], one["Message"]) == ("blue", "i-1", "Started container")


def test_a_row_has_every_documented_column(busy: tuple[Setup, pd.DataFrame]) -> None:
    setup, _ = busy
    [one] = setup.rows(f"{TRAFFIC} | where EndpointName == 'churn' | take 1")
    assert list(one) == TABLES[TRAFFIC].columns
    assert one["_ResourceId"] == PLACE.endpoint_id("churn").lower()
    assert (one["_SubscriptionId"], one["TenantId"], one["Location"]) == ("s1", TENANT, "westeurope")
    assert (one["SourceSystem"], one["Type"], one["_IsBillable"]) == ("Azure", TRAFFIC, "True")
    assert one["_BilledSize"] > 0
    assert (one["AuthType"], one["IdentityData"], len(one["UserAgent"])) == ("AADToken", "someone", 70)
    types = {each.name: each.type for each in setup.ask(f"{TRAFFIC} | take 1").columns}
    assert types["TimeGenerated"] == "datetime"
    assert types["ResponseCode"] == types["TotalDurationMs"] == "int"
    assert types["_BilledSize"] == "real"


def test_rows_are_those_of_the_times_that_were_wanted(setup: Setup) -> None:
    setup.sources.telemetry.append([row(started_at=NOW + n, endpoint="fraud", request_id=str(n)) for n in range(10)])
    setup.sources.telemetry.append([row(started_at=NOW, endpoint="other")])
    setup.ingestion.catch_up([logged("FRAUD", (NOW + 2, NOW + 4), (NOW + 8, None))])
    assert [one["XRequestId"] for one in setup.rows(f"{TRAFFIC} | order by TimeGenerated asc")] == ["2", "3", "8", "9"]


def test_columns_are_described(setup: Setup) -> None:
    found = setup.rows(f"{TRAFFIC} | project TimeGenerated, ResponseCode | getschema")
    assert [(one["ColumnName"], one["ColumnOrdinal"], one["ColumnType"]) for one in found] == [
        ("TimeGenerated", 0, "datetime"),
        ("ResponseCode", 1, "int"),
    ]


def test_new_rows_are_added_to_those_that_are_there(setup: Setup) -> None:
    for number in range(3):
        setup.sources.telemetry.append([row(started_at=NOW + number, endpoint="fraud")])
        setup.ingestion.catch_up([logged("fraud")])
        assert setup.rows(f"{TRAFFIC} | count") == [{"Count": number + 1}]


def test_a_scope_shows_the_rows_below_it_alone(busy: tuple[Setup, pd.DataFrame]) -> None:
    setup, _ = busy
    text = f"{TRAFFIC} | distinct EndpointName | order by EndpointName asc"
    assert [one["EndpointName"] for one in setup.rows(text)] == ["churn", "fraud"]
    assert [one["EndpointName"] for one in setup.rows(text, scope=PLACE.workspace_id.upper())] == ["churn", "fraud"]
    assert [one["EndpointName"] for one in setup.rows(text, scope=PLACE.endpoint_id("fraud"))] == ["fraud"]
    assert setup.rows(text, scope=PLACE.endpoint_id("frau")) == []


@pytest.mark.parametrize(
    "text",
    [
        "['/etc/passwd']",
        "['/etc/passwd'] | take 1",
        "print getenv('HOME')",
        "print read_text('/etc/passwd')",
        "read_csv('/etc/passwd')",
        "print current_setting('threads')",
        "externaldata(line:string)['/etc/passwd']",
        "externaldata(line:string)['https://localhost/x']",
        ".show tables",
        "// a comment\n.show tables",
        ".drop table AmlOnlineEndpointTrafficLog",
        ".set-or-replace X <| print 1",
        "attach '/etc/passwd' as x",
        "copy x to '/x'",
        "pragma database_list",
        "print x = 1; attach '/x'",
        "['duckdb_settings']",
        "['duckdb_tables'] | count",
        "['sqlite_master']",
        "['pg_class']",
        "['information_schema.tables']",
        "['kept.resources']",
        "['resources']",
        "['incoming']",
        "database('kept').resources",
        "database('kept').AmlOnlineEndpointTrafficLog | count",
        "database('system').duckdb_settings",
        "cluster('x').database('kept').resources",
        "union *, ['duckdb_settings']",
        "print toscalar(['duckdb_settings'] | count)",
        "let f = () { ['/etc/passwd'] }; f()",
        "AmlOnlineEndpointTrafficLog | join kind=inner (['duckdb_settings']) on $left.Type == $right.name",
        "AmlOnlineEndpointTrafficLog | where Type in (['duckdb_settings'] | project name)",
        "amlonlineendpointtrafficlog | count",
        "evaluate python('x')",
        "AzureMetrics | count",
        "",
        "//",
    ],
)
def test_a_query_reaches_nothing_but_the_tables(still: Setup, text: str) -> None:
    assert still.refusal(text)["code"] in ("SyntaxError", "SemanticError")


def test_raw_tables_are_closed_to_a_scoped_query(busy: tuple[Setup, pd.DataFrame]) -> None:
    setup, _ = busy
    scope = PLACE.endpoint_id("nobody")
    for text in (f"{TRAFFIC} | count", "union withsource=t * | count", f"let T = {TRAFFIC}; T | count"):
        assert setup.rows(text, scope=scope) == [{"Count": 0}]


@pytest.mark.parametrize(
    ("text", "inner", "code", "message"),
    [
        (f"{TRAFFIC} | wherex 1", "SyntaxError", "SYN0002", "could not be parsed at '|' on line [1,28]"),
        (f"{TRAFFIC}\n| where\n| count", "SyntaxError", "SYN0002", "on line [2,0]"),
        ("Nosuch | count", "SemanticError", "SEM0100", "Failed to resolve table or column expression named 'Nosuch'"),
        (
            f"{TRAFFIC} | where Colour == 1",
            "SemanticError",
            "SEM0100",
            "'where' operator: Failed to resolve scalar expression named 'Colour'",
        ),
        (f"{TRAFFIC} | summarize percentiles(TotalDurationMs, 50, 95)", "SemanticError", "SEM0001", "percentiles"),
    ],
)
def test_mistakes_say_where_they_are(still: Setup, text: str, inner: str, code: str, message: str) -> None:
    found = still.refusal(text)
    assert (found["code"], found["innererror"]["code"]) == (inner, code)
    assert message in found["innererror"]["message"]


def test_every_type_is_written_as_the_service_writes_it(still: Setup) -> None:
    text = """print span = 1d + 2h + 3m + 4.5s, back = -90s, bag = dynamic({"a": [1, 2]}),
        at = datetime(2026-01-02 03:04:05.6), day = datetime(2026-01-02), long_ = 12345678901, int_ = int(7),
        real_ = 1.5, yes = true, text = "ä\\"", none = int(null), endless = 1.0 / 0,
        id = guid(74be27de-1e4e-49d9-b579-fe0b331d3642), list_ = pack_array(1, "b")"""
    result = still.ask(text)
    assert {each.name: each.type for each in result.columns} == {
        "span": "timespan",
        "back": "timespan",
        "bag": "dynamic",
        "at": "datetime",
        "day": "datetime",
        "long_": "long",
        "int_": "int",
        "real_": "real",
        "yes": "bool",
        "text": "string",
        "none": "int",
        "endless": "real",
        "id": "guid",
        "list_": "dynamic",
    }
    [one] = still.rows(text)
    assert one == {
        "span": "1.02:03:04.5000000",
        "back": "-00:01:30",
        "bag": one["bag"],
        "at": "2026-01-02T03:04:05.6Z",
        "day": "2026-01-02T00:00:00Z",
        "long_": 12345678901,
        "int_": 7,
        "real_": 1.5,
        "yes": True,
        "text": 'ä"',
        "none": None,
        "endless": "Infinity",
        "id": "74be27de-1e4e-49d9-b579-fe0b331d3642",
        "list_": one["list_"],
    }
    assert json.loads(one["bag"]) == {"a": [1, 2]}
    assert json.loads(one["list_"]) == [1, "b"]


def test_more_rows_than_the_limit_are_a_partial_answer(still: Setup) -> None:
    assert still.ask("range x from 1 to 5000 step 1").error is None
    result = still.ask("range x from 1 to 5001 step 1")
    assert result.error is not None
    assert (result.rows, result.error["code"]) == (5000, "PartialError")
    assert "set limit of 5000 records" in result.error["details"][0]["innererror"]["message"]
    assert json.loads(b"[" + result.text + b"]")[-1] == [5000]


def test_more_bytes_than_the_limit_are_a_partial_answer(still: Setup) -> None:
    result = still.ask(
        "range x from 1 to 4999 step 1 | extend text = strcat_array(split(strrep('word ', 200), ' '), 'x')"
    )
    assert result.error is not None
    assert "E_QUERY_RESULT_SET_TOO_LARGE" in result.error["details"][0]["innererror"]["message"]
    assert len(result.text) <= 2_000_000
    assert len(json.loads(b"[" + result.text + b"]")) == result.rows > 0


SLOW = """range x from 1 to 100000 step 1 | extend k = 1
    | join kind=inner (range y from 1 to 100000 step 1 | extend k = 1) on k | summarize sum(x * y)"""


def test_a_query_that_takes_too_long_is_stopped(still: Setup) -> None:
    with pytest.raises(LogsError) as caught:
        still.ask(SLOW, seconds=0.3)
    assert caught.value.status == 504
    assert still.rows("print x = 1") == [{"x": 1}]


def test_a_query_that_needs_too_much_memory_is_partial() -> None:
    engine = Engine(memory_limit="30MB")
    result = engine.run(
        "range x from 1 to 5000000 step 1 | summarize make_list(x)",
        dict.fromkeys(TABLES, "false"),
        NOW,
        60,
    )
    assert result.error is not None
    assert "E_LOW_MEMORY_CONDITION" in result.error["details"][0]["innererror"]["message"]
    engine.close()


def test_nothing_of_a_query_goes_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    engine = Engine(memory_limit="60MB")
    text = (
        "range x from 1 to 3000000 step 1 | extend y = strcat('a long text beside ', x) | order by y asc | take 10000"
    )
    result = engine.run(text, dict.fromkeys(TABLES, "false"), NOW, 60)
    assert result.error is not None
    assert list(tmp_path.iterdir()) == []
    engine.close()


def test_a_query_nested_too_deeply_is_refused(still: Setup) -> None:
    found = still.refusal("print x = " + "(" * 3000 + "1" + ")" * 3000)
    assert found["code"] in ("SemanticError", "SyntaxError")
    assert still.rows("print x = 1") == [{"x": 1}]


def test_a_short_text_for_an_endless_statement_is_refused() -> None:
    translator = Translator(max_seconds=3)
    steps = "".join(f"let a{number + 1} = a{number} + a{number};" for number in range(60))
    with pytest.raises(NotTranslated, match="too complex"):
        translator.translate(f"let a0 = 1; {steps} print a60", {}, NOW)
    assert translator.translate("print x = 1", {}, NOW).sql.startswith("SELECT")
    translator.close()
    with pytest.raises(NotTranslated):
        translator.translate("print x = 1", {}, NOW)


def test_parameters_of_a_query_keep_their_types(still: Setup) -> None:
    text = """declare query_parameters(n: long = 5, name: string = "b", at: datetime = datetime(2026-01-02));
        print n + 1, name, at"""
    [one] = still.rows(text)
    assert list(one.values()) == [6, "b", "2026-01-02T00:00:00Z"]
