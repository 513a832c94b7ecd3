"""A running endpoint is changed: exactly what was shown, nothing else, and never over somebody else's change."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.azure import endpoints
from services.azure.connection import Connection, Reply
from services.azure.deployments import (
    API_VERSION,
    RESTART_VARIABLE,
    deployment_path,
    list_assets,
    read_deployment,
)
from services.deploying import bundles, checking
from services.deploying.model import Job, JobState, Level
from services.errors import Conflict, NotFound, RuleBroken
from services.jobs.jobs import Jobs
from services.jobs.worker import Worker, Write
from services.operating import exporting, operating
from services.operating.bodies import clone_text
from services.operating.change import (
    Change,
    Clone,
    DeleteDeployment,
    DeleteEndpoint,
    DeploymentSettings,
    EndpointSettings,
    Plan,
    Restart,
    RotateKey,
    Scale,
    SignIn,
)
from services.resources.resource_yaml import deployment_file
from services.scoring.request import ScoringRequest
from services.scoring.sending import send
from services.store import Store
from tests.deployable import create_endpoint, upload_and_put
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
NAME, REAL = "operated", "operated-real"
SECRET = "hunter2-" + "x" * 20
ODD: dict[str, Any] = {
    "description": "what it is",
    "startupProbe": {"initialDelay": "PT0.5S", "period": "PT1S", "timeout": "PT1S", "failureThreshold": 9},
    "requestSettings": {"requestTimeout": "PT2.5S", "maxQueueWait": "PT0.25S", "maxConcurrentRequestsPerInstance": 3},
    "modelMountPath": "/models/mine",
    "environmentVariables": {"API_KEY": SECRET, "MODE": "on"},
    "somethingNew": {"deep": [1, 2]},
}
"""What azure-ai-ml would lose or shorten on its way back, and a field that nobody knows."""


@pytest.fixture(scope="module")
def seeded(local_azure: LocalAzure) -> LocalAzure:
    """An endpoint with three deployments that nothing runs for; blue is live, green has copies, grey is idle."""
    names = ("blue", "green", "grey", "spare", "odd")
    entry: dict[str, Any] = {"name": NAME, "deployments": [{"name": name, "capacity": 2} for name in names]}
    entry |= {"traffic": {"blue": 100}, "mirrorTraffic": {"green": 20}, "tags": {"team": "a"}}
    local_azure.control("POST", "seed", {"endpoints": [entry]}).raise_for_status()
    document = local_azure.arm("GET", f"onlineEndpoints/{NAME}/deployments/odd").json()
    document["properties"] |= ODD
    local_azure.finish(local_azure.arm("PUT", f"onlineEndpoints/{NAME}/deployments/odd", document))
    return local_azure


@pytest.fixture
def jobs(conn: Connection, tmp_path: Path) -> Jobs:
    """The jobs that are kept."""
    return Jobs(Store(tmp_path / "sluice.db"), conn.arm_host)


@pytest.fixture
def worker(conn: Connection, jobs: Jobs) -> Iterator[Worker]:
    """What does the jobs."""
    made = Worker(conn, jobs)
    yield made
    made.stop()


@pytest.fixture
def do(conn: Connection, jobs: Jobs, worker: Worker, seeded: LocalAzure) -> Callable[..., Job]:
    """Agrees to what a change would do, and waits until it is done."""

    def go(change: Change, endpoint: str = NAME) -> Job:
        job = operating.begin(conn, worker, operating.review(conn, endpoint, change, jobs), "somebody")
        ended = worker.wait(job.id, 240)
        assert ended.state is JobState.SUCCEEDED, ended
        return ended

    return go


def held(azure: LocalAzure, deployment: str = "odd", endpoint: str = NAME) -> dict[str, Any]:
    """A deployment's document without what changes by itself."""
    document = dict(azure.arm("GET", f"onlineEndpoints/{endpoint}/deployments/{deployment}").json())
    document.pop("systemData")
    return document


def test_scaling_changes_the_number_of_instances_and_nothing_else(do: Callable[..., Job], seeded: LocalAzure) -> None:
    before = held(seeded)
    job = do(Scale("odd", 3))
    assert (job.action, job.title) == ("scale", "Scale odd from 2 to 3")
    assert held(seeded) == {**before, "sku": {**before["sku"], "capacity": 3}}


def test_settings_change_alone_and_keep_what_azures_own_client_would_lose(
    do: Callable[..., Job], conn: Connection, jobs: Jobs, seeded: LocalAzure
) -> None:
    before = held(seeded)
    change = DeploymentSettings(
        "odd",
        fields={"timeout": 90_000, "concurrency": 8, "liveness_period": 5, "startup_failures": 20},
        variables={"API_KEY": "another", "NEW": "1", "MODE": None},
        tags={"stage": "trial"},
        description="new words",
    )
    assert [(line.what, line.before, line.after) for line in operating.review(conn, NAME, change, jobs).lines] == [
        ("Request timeout", "2,500 ms", "90,000 ms"),
        ("Concurrent requests per instance", "3", "8"),
        ("Liveness: asked every", "10 s", "5 s"),
        ("Startup: failures allowed", "9", "20"),
        ("Variable API_KEY", "hidden", "hidden, another value"),
        ("Variable NEW", "", "hidden"),
        ("Variable MODE", "hidden", ""),
        ("Tag stage", "", "trial"),
        ("Description", "what it is", "new words"),
    ]
    words_alone = DeploymentSettings("odd", tags={"stage": "trial"})
    assert operating.review(conn, NAME, words_alone, jobs).notes == ("Nothing that an instance runs with changes.",)
    do(change)
    after, properties = held(seeded), before["properties"]
    kept = {name: value for name, value in properties["environmentVariables"].items() if name != "MODE"}
    assert after == {
        **before,
        "tags": {"stage": "trial"},
        "properties": {
            **properties,
            "description": "new words",
            "requestSettings": {
                "requestTimeout": "PT90S",
                "maxQueueWait": "PT0.25S",
                "maxConcurrentRequestsPerInstance": 8,
            },
            "livenessProbe": {**properties["livenessProbe"], "period": "PT5S"},
            "startupProbe": {**ODD["startupProbe"], "failureThreshold": 20},
            "environmentVariables": {**kept, "API_KEY": "another", "NEW": "1"},
        },
    }


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (Scale("grey", 0), "1 to 50 instances"),
        (Scale("grey", 51), "1 to 50 instances"),
        (Scale("grey", 2), "so already"),
        (DeploymentSettings("grey", fields={"timeout": 180_001}), "180,000 ms"),
        (DeploymentSettings("grey", fields={"concurrency": 0}), "whole numbers"),
        (DeploymentSettings("grey", variables={"1 A": "x"}), "no name of a variable"),
        (DeploymentSettings("grey", tags={"a/b": "x"}), "no name of a tag"),
        (DeploymentSettings("grey", tags={"a": "x" * 257}), "256 characters"),
        (DeploymentSettings("grey"), "so already"),
        (EndpointSettings(), "so already"),
        (Clone("blue", "Green"), "already"),
        (Clone("blue", "a--b"), "no name"),
        (Clone("blue", "ab"), "no name"),
        (DeleteEndpoint("operate"), "you typed operate"),
        (RotateKey("Third"), "no key named"),
    ],
)
def test_what_azure_would_not_take_is_refused_before_it_is_asked(
    conn: Connection, jobs: Jobs, seeded: LocalAzure, change: Change, why: str
) -> None:
    with pytest.raises(RuleBroken, match=why):
        operating.review(conn, NAME, change, jobs)


@pytest.mark.parametrize(("name", "why"), [("blue", "answers 100 %"), ("green", "copies of 20 %")])
def test_a_deployment_with_traffic_is_not_deleted(
    conn: Connection, jobs: Jobs, seeded: LocalAzure, name: str, why: str
) -> None:
    with pytest.raises(Conflict, match=why) as refused:
        operating.review(conn, NAME, DeleteDeployment(name), jobs)
    assert "Traffic page" in refused.value.next_step


def test_a_deployment_that_gets_traffic_between_the_look_and_the_word_stays(
    conn: Connection, jobs: Jobs, worker: Worker, seeded: LocalAzure
) -> None:
    agreed = operating.review(conn, NAME, DeleteDeployment("grey"), jobs)
    document = seeded.arm("GET", f"onlineEndpoints/{NAME}").json()
    document["properties"]["traffic"] = {"blue": 90, "grey": 10}
    seeded.finish(seeded.arm("PUT", f"onlineEndpoints/{NAME}", document))
    with pytest.raises(Conflict, match="10 %"):
        operating.begin(conn, worker, agreed, "somebody")
    document["properties"]["traffic"] = {"blue": 100}
    seeded.finish(seeded.arm("PUT", f"onlineEndpoints/{NAME}", document))
    assert held(seeded, "grey")


@pytest.fixture
def between(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Has something happen after the last look of the click and before the job's own."""

    def go(happens: Callable[[], object]) -> None:
        write = worker.write

        def later(*args: Any, **options: Any) -> Job:
            happens()
            return write(*args, **options)

        monkeypatch.setattr(worker, "write", later)

    return go


def begun(conn: Connection, worker: Worker, agreed: Plan) -> Job:
    """The job of a plan, once it has ended."""
    return worker.wait(operating.begin(conn, worker, agreed, "somebody").id, 120)


def test_traffic_that_comes_after_the_word_stops_the_deletion_within_its_job(
    conn: Connection, worker: Worker, seeded: LocalAzure, between: Callable[[Callable[[], object]], None]
) -> None:
    agreed = operating.review(conn, NAME, DeleteDeployment("grey"), worker.jobs)
    document = seeded.arm("GET", f"onlineEndpoints/{NAME}").json()
    before = dict(document["properties"]["mirrorTraffic"])
    document["properties"]["mirrorTraffic"] = {"grey": 10}
    between(lambda: seeded.finish(seeded.arm("PUT", f"onlineEndpoints/{NAME}", document)))
    ended = begun(conn, worker, agreed)
    document["properties"]["mirrorTraffic"] = before
    seeded.finish(seeded.arm("PUT", f"onlineEndpoints/{NAME}", document))
    assert ended.state is JobState.FAILED
    assert ended.failure is not None
    assert "copies of 10 %" in ended.failure[1]
    assert held(seeded, "grey")


def test_a_deployment_of_the_clones_name_that_somebody_makes_meanwhile_is_left_alone(
    conn: Connection, worker: Worker, seeded: LocalAzure, between: Callable[[Callable[[], object]], None]
) -> None:
    name = "operated-taken"

    def seed(*deployments: str) -> None:
        seeded.control("POST", "seed", {"endpoints": [{"name": name, "deployments": deployments}]}).raise_for_status()

    def somebody_makes_it() -> None:
        seeded.finish(seeded.arm("DELETE", f"onlineEndpoints/{name}"))
        seed("blue", "theirs")

    seed("blue")
    agreed = operating.review(conn, name, Clone("blue", "theirs", instances=7), worker.jobs)
    between(somebody_makes_it)
    ended = begun(conn, worker, agreed)
    assert ended.state is JobState.FAILED
    assert ended.failure is not None
    assert "has a deployment named theirs already" in ended.failure[1]
    assert held(seeded, "theirs", name)["sku"]["capacity"] == 1


def test_a_new_deployment_is_not_sent_over_one_that_is_there(
    conn: Connection, worker: Worker, seeded: LocalAzure
) -> None:
    before = held(seeded, "grey")
    path = deployment_path(conn, NAME, "grey")
    request = Write("PUT", path, {**before, "tags": {"mine": "1"}}, API_VERSION, is_new=True)
    job = worker.write(conn, "create", "Create grey like blue", NAME, "grey", request, "somebody")
    ended = worker.wait(job.id, 120)
    assert ended.failure is not None
    assert "Somebody else has made operated/grey meanwhile" in ended.failure[1]
    assert held(seeded, "grey") == before


def test_a_split_that_is_shifted_after_the_word_is_not_taken_back_by_a_description(
    conn: Connection, worker: Worker, seeded: LocalAzure, between: Callable[[Callable[[], object]], None]
) -> None:
    agreed = operating.review(conn, NAME, EndpointSettings(description="later"), worker.jobs)
    document = seeded.arm("GET", f"onlineEndpoints/{NAME}").json()
    before = dict(document["properties"]["mirrorTraffic"])
    document["properties"]["mirrorTraffic"] = {"green": 7}
    between(lambda: seeded.finish(seeded.arm("PUT", f"onlineEndpoints/{NAME}", document)))
    assert begun(conn, worker, agreed).state is JobState.SUCCEEDED
    after = seeded.arm("GET", f"onlineEndpoints/{NAME}").json()
    assert after["properties"]["description"] == "later"
    assert after["properties"]["mirrorTraffic"] == {"green": 7}
    after["properties"]["mirrorTraffic"] = before
    seeded.finish(seeded.arm("PUT", f"onlineEndpoints/{NAME}", after))


@pytest.mark.parametrize("first", ["Primary", "Secondary"])
def test_a_plan_of_before_another_new_key_does_not_end_that_key(
    conn: Connection, worker: Worker, seeded: LocalAzure, first: str
) -> None:
    one = operating.review(conn, NAME, RotateKey(first), worker.jobs)
    other = operating.review(conn, NAME, RotateKey("Primary"), worker.jobs)
    assert begun(conn, worker, one).state is JobState.SUCCEEDED
    handed_out = endpoints.keys(conn, NAME)
    with pytest.raises(Conflict, match=rf"The {first.lower()} key was renewed \d+ s ago by .*somebody") as refused:
        operating.begin(conn, worker, other, "another")
    assert "Look again" in refused.value.next_step
    assert endpoints.keys(conn, NAME) == handed_out
    again = operating.review(conn, NAME, RotateKey("Primary"), worker.jobs)
    assert again.notes[0].startswith(f"The {first.lower()} key was renewed")
    assert begun(conn, worker, again).state is JobState.SUCCEEDED


def test_of_two_new_keys_confirmed_at_once_the_second_is_not_made(
    conn: Connection, worker: Worker, seeded: LocalAzure, between: Callable[[Callable[[], object]], None]
) -> None:
    one = operating.review(conn, NAME, RotateKey("Primary"), worker.jobs)
    other = operating.review(conn, NAME, RotateKey("Primary"), worker.jobs)
    handed_out: list[object] = []

    def first() -> None:
        second = Worker(conn, worker.jobs)
        assert begun(conn, second, one).state is JobState.SUCCEEDED
        handed_out.append(endpoints.keys(conn, NAME))
        second.stop()

    between(first)
    ended = begun(conn, worker, other)
    assert ended.state is JobState.FAILED
    assert ended.failure is not None
    assert "The primary key was renewed" in ended.failure[1]
    assert [endpoints.keys(conn, NAME)] == handed_out


def test_a_change_of_somebody_else_is_never_overwritten(
    conn: Connection, jobs: Jobs, worker: Worker, seeded: LocalAzure
) -> None:
    agreed = operating.review(conn, NAME, DeploymentSettings("grey", fields={"timeout": 9000}), jobs)
    document = seeded.arm("GET", f"onlineEndpoints/{NAME}/deployments/grey").json()
    document["properties"]["environmentVariables"] = {"THEIRS": "1"}
    seeded.finish(seeded.arm("PUT", f"onlineEndpoints/{NAME}/deployments/grey", document))
    before = held(seeded, "grey")
    with pytest.raises(Conflict, match="Nothing was sent"):
        operating.begin(conn, worker, agreed, "somebody")
    assert held(seeded, "grey") == before
    assert not worker.jobs.all(conn.workspace, NAME)


def test_an_idle_deployment_goes_and_the_others_stay(do: Callable[..., Job], conn: Connection) -> None:
    do(DeleteDeployment("spare"))
    assert [each.name for each in endpoints.list_deployments(conn, NAME)] == ["blue", "green", "grey", "odd"]
    with pytest.raises(NotFound):
        read_deployment(conn, NAME, "spare")


def test_tags_and_description_of_an_endpoint_change_and_its_split_stays(
    do: Callable[..., Job], conn: Connection
) -> None:
    before = endpoints.get_endpoint(conn, NAME)
    do(EndpointSettings(tags={"team": None, "cost": "7"}, description="shop"))
    after = endpoints.get_endpoint(conn, NAME)
    assert (after.tags, after.description, after.split) == ({"cost": "7"}, "shop", before.split)


def test_tags_alone_are_written_without_the_split_so_that_one_shifted_meanwhile_stays(
    do: Callable[..., Job], conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[object] = []
    send = conn.send

    def noted(method: str, *request: Any, **options: Any) -> Reply:
        if method in ("PUT", "PATCH"):
            bodies.append(options.get("body"))
        return send(method, *request, **options)

    monkeypatch.setattr(conn, "send", noted)
    do(EndpointSettings(tags={"cost": "8"}))
    tags = endpoints.get_endpoint(conn, NAME).tags
    assert tags["cost"] == "8"
    assert bodies == [{"tags": tags}]


@pytest.mark.parametrize("which", ["Primary", "Secondary"])
def test_one_key_becomes_another_one_and_nobody_keeps_it(
    do: Callable[..., Job], conn: Connection, tmp_path: Path, which: str
) -> None:
    before = endpoints.keys(conn, NAME)
    do(RotateKey(which))
    after = endpoints.keys(conn, NAME)
    assert [old == new for old, new in zip(before, after, strict=True)] == [which != "Primary", which != "Secondary"]
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("sluice.db*"))
    assert not [key for key in (*before, *after) if key.encode() in stored]


def test_a_value_of_a_variable_is_in_no_plan_and_not_on_disk(
    do: Callable[..., Job], conn: Connection, jobs: Jobs, tmp_path: Path
) -> None:
    change = DeploymentSettings("odd", variables={"API_KEY": SECRET + "2"})
    assert SECRET not in repr(operating.review(conn, NAME, change, jobs))
    do(change)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("sluice.db*"))
    assert SECRET.encode() not in stored


def test_the_same_word_twice_does_it_once(conn: Connection, jobs: Jobs, worker: Worker, seeded: LocalAzure) -> None:
    agreed = operating.review(conn, NAME, Scale("green", 4), jobs)
    first = operating.begin(conn, worker, agreed, "somebody", job_id="one-click")
    again = operating.begin(conn, worker, agreed, "somebody", job_id="one-click")
    assert first.id == again.id
    assert worker.wait(first.id, 120).state is JobState.SUCCEEDED


def test_more_instances_are_shown_with_the_arithmetic_of_the_quota(
    conn: Connection, jobs: Jobs, seeded: LocalAzure
) -> None:
    notes = operating.review(conn, NAME, Scale("blue", 10), jobs).notes
    assert any("4 cores × ceil(10 × 1.2) = 4 × 12 = 48 cores of" in note for note in notes)
    assert not any("Quota" in note for note in operating.review(conn, NAME, Scale("blue", 1), jobs).notes)
    large = Clone("blue", "large", instance_type="Standard_F72s_v2", instances=50)
    refused = operating.review(conn, NAME, large, jobs).notes
    assert any("Azure will refuse it" in note for note in refused)
    notes = operating.review(conn, NAME, Clone("blue", "large", instance_type="Standard_Nothing"), jobs).notes
    assert any("does not offer Standard_Nothing" in note for note in notes)


def test_the_files_of_a_clone_name_it_and_hide_what_looks_like_a_secret(conn: Connection, seeded: LocalAzure) -> None:
    text = clone_text(read_deployment(conn, NAME, "odd"), "even")
    assert "name: even\nendpoint_name: operated\n" in text
    assert "API_KEY: !hidden" in text
    assert SECRET not in text


def test_who_may_only_read_is_told_the_role(
    connect_to: Callable[..., Connection], seeded: LocalAzure, tmp_path: Path
) -> None:
    reader = connect_to(seeded, "reader")
    worker = Worker(reader, Jobs(Store(tmp_path / "sluice.db"), reader.arm_host))
    job = operating.begin(reader, worker, operating.review(reader, NAME, Scale("blue", 5), worker.jobs), "somebody")
    ended = worker.wait(job.id, 120)
    worker.stop()
    assert ended.state is JobState.FAILED
    assert ended.failure is not None
    assert "AzureML Data Scientist" in ended.failure[2]


def test_another_way_to_sign_in_is_written_alone_after_what_breaks_was_said(
    do: Callable[..., Job], conn: Connection, jobs: Jobs, seeded: LocalAzure
) -> None:
    def held_endpoint() -> tuple[dict[str, Any], str]:
        document = seeded.arm("GET", f"onlineEndpoints/{NAME}").json()
        document.pop("systemData")
        document["properties"]["properties"].pop("AzureAsyncOperationUri", None)
        return document, document["properties"].pop("authMode")

    before, mode = held_endpoint()
    made = operating.review(conn, NAME, SignIn("aad_token"), jobs)
    assert made.lines[0].after == "aad_token"
    assert made.notes[:2] == (
        "Every caller of now is refused (401) until it sends a Microsoft Entra token.",
        "Both keys stop working.",
    )
    do(SignIn("aad_token"))
    assert held_endpoint() == (before, "AADToken")
    with pytest.raises(RuleBroken, match="so already"):
        operating.review(conn, NAME, SignIn("aad_token"), jobs)
    with pytest.raises(RuleBroken, match="cannot have"):
        operating.review(conn, NAME, SignIn("none"), jobs)
    do(SignIn("key"))
    assert held_endpoint() == (before, mode)


def test_an_endpoint_goes_when_its_name_is_typed(
    do: Callable[..., Job], conn: Connection, jobs: Jobs, seeded: LocalAzure
) -> None:
    entry = {"name": "operated-gone", "deployments": ["blue"], "traffic": {"blue": 100}}
    seeded.control("POST", "seed", {"endpoints": [entry]}).raise_for_status()
    assert "blue 100 %" in operating.review(conn, "operated-gone", DeleteEndpoint("operated-gone"), jobs).notes[0]
    do(DeleteEndpoint("operated-gone"), "operated-gone")
    with pytest.raises(NotFound):
        endpoints.get_endpoint(conn, "operated-gone")


def test_a_clone_answers_with_another_model_and_all_comes_back_from_its_export(
    do: Callable[..., Job], conn: Connection, jobs: Jobs, worker: Worker, local_azure: LocalAzure, tmp_path: Path
) -> None:
    assert create_endpoint(local_azure, REAL, description="made by hand").ok
    blue = upload_and_put(local_azure, REAL, "blue", 2, environmentVariables={"MODE": "on"})
    assert local_azure.finish(blue, 240)["status"] == "Succeeded", local_azure.output()
    _register_another(local_azure)
    assert "factor-5:1" in [each.reference for each in list_assets(conn, "models")]
    for model, what, fix in (
        ("factor-99:1", "There is no model factor-99, version 1.", "Did you mean factor-"),
        ("factor-99@latest", "There is no model factor-99.", "Did you mean factor-"),
        ("Factor-55:9", "There is no model Factor-55, version 9.", "Did you mean factor-5:1?"),
        ("factor-5:9", "The model factor-5 has no version 9.", "Write factor-5:1."),
        (
            f"{conn.workspace_path}/models/factor-5/versions/9",
            "The model factor-5 has no version 9.",
            "Write factor-5:1.",
        ),
    ):
        with pytest.raises(NotFound) as missing:
            operating.review(conn, REAL, Clone("blue", "green", model=model), jobs)
        assert missing.value.what == what
        assert missing.value.next_step.startswith(fix)
    do(Clone("blue", "green", model="azureml:factor-5@latest"), REAL)
    assert _answers(conn, local_azure, "green") == [5, 10]
    source, copy = held(local_azure, "blue", REAL), held(local_azure, "green", REAL)
    assert copy["properties"]["model"].endswith("/models/factor-5/versions/1")
    for document in (source, copy):
        del document["properties"]["model"]
        del document["properties"]["environmentVariables"]["AZUREML_MODEL_DIR"]
    assert source["properties"] == copy["properties"]
    assert copy["properties"]["environmentVariables"]["MODE"] == "on"

    do(Restart("green", "2026-01-01T00:00:00Z"), REAL)
    assert held(local_azure, "green", REAL)["properties"]["environmentVariables"][RESTART_VARIABLE].startswith("2026")
    assert _answers(conn, local_azure, "green") == [5, 10]

    # A file that does not know of the restart replaces no instances: the variable stays, and no check speaks of it.
    lines = deployment_file(read_deployment(conn, REAL, "green"), show_hidden=True).text.splitlines()
    (tmp_path / "green").mkdir()
    (tmp_path / "green" / "green.yml").write_text("\n".join(each for each in lines if RESTART_VARIABLE not in each))
    bundle = bundles.from_folder("green", tmp_path)
    assert not [each for each in checking.check(conn, bundle) if each.level is not Level.NOTE]
    restarted = held(local_azure, "green", REAL)["properties"]["environmentVariables"]
    job = worker.wait(worker.deploy(conn, bundle, bundle.documents, "somebody").id, 240)
    assert job.state is JobState.SUCCEEDED, job
    assert held(local_azure, "green", REAL)["properties"]["environmentVariables"] == restarted

    _give(local_azure, {"blue": 90, "green": 10})
    before = _documents(local_azure)
    made = exporting.archive(endpoints.get_endpoint(conn, REAL), endpoints.list_deployments(conn, REAL))
    assert (made.hidden, made.left_out) == ((), ())
    assert "--traffic 'blue=90 green=10'" in zipfile.ZipFile(io.BytesIO(made.content)).read("apply.sh").decode()
    (tmp_path / "files").mkdir()
    bundle = bundles.from_uploads([(made.name, io.BytesIO(made.content))], tmp_path / "files")
    assert [document.name for document in bundle.documents] == [REAL, "blue", "green"]
    do(DeleteEndpoint(REAL), REAL)
    job = worker.wait(worker.deploy(conn, bundle, bundle.documents, "somebody").id, 240)
    assert job.state is JobState.SUCCEEDED, job
    _give(local_azure, {"blue": 90, "green": 10})
    assert _documents(local_azure) == before
    assert _answers(conn, local_azure, "green") == [5, 10]


def _register_another(azure: LocalAzure) -> None:
    # Uploads and registers the model; the deployment itself is of no endpoint, so it is refused.
    assert upload_and_put(azure, "nowhere-at-all", "green", 5).status_code == 404


def _answers(conn: Connection, azure: LocalAzure, deployment: str) -> list[int]:
    request = ScoringRequest(json.dumps({"data": [1, 2]}).encode(), deployment=deployment)
    answer = send(conn, endpoints.get_endpoint(conn, REAL), request)
    return list(json.loads(answer.text))


def _give(azure: LocalAzure, live: dict[str, int]) -> None:
    document = azure.arm("GET", f"onlineEndpoints/{REAL}").json()
    document["properties"]["traffic"] = live
    assert azure.finish(azure.arm("PUT", f"onlineEndpoints/{REAL}", document))["status"] == "Succeeded"


def _documents(azure: LocalAzure) -> list[dict[str, Any]]:
    found = [dict(azure.arm("GET", f"onlineEndpoints/{REAL}").json())]
    found += [held(azure, name, REAL) for name in ("blue", "green")]
    for document in found:
        document.pop("systemData", None)
        document["properties"].pop("properties", None)
        (document.get("identity") or {}).pop("principalId", None)
    return found
