"""What is said before a deploy is what Azure says afterwards: checks against a running local Azure."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.azure import endpoints
from services.azure.connection import Connection
from services.azure.documents import as_deployment
from services.deploying import bundles, facts
from services.deploying.changes import changes, changes_on
from services.deploying.checking import check, judge
from services.deploying.model import Bundle, Finding, Level
from services.deploying.wanted import AUTH_MODES
from tests.contract.elsewhere import seed_endpoint, seed_workspace
from tests.deployable import create_endpoint, write_quick_start
from tests.local_azure import ROOT, LocalAzure
from tests.values import WORKSPACE

pytestmark = pytest.mark.emulator
NAME = "checked-first"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The quick start of an endpoint that is not there yet."""
    write_quick_start(tmp_path / "files", NAME, {"blue": 2})
    return tmp_path / "files"


def bundle_of(folder: Path) -> Bundle:
    """The files as they lie there, without findings of their own."""
    found = bundles.from_folder(folder, folder.parent)
    assert [each for each in found.findings if each.level is Level.ERROR] == []
    return found


def edit(folder: Path, file: str, **replaced: str) -> None:
    """Replace the beginnings of lines, such as ``instance_count="instance_count: 9"``."""
    path = folder / file
    lines = path.read_text().splitlines()
    for start, line in replaced.items():
        assert any(each.startswith(f"{start}:") for each in lines), start
        lines = [line if each.startswith(f"{start}:") else each for each in lines]
    path.write_text("\n".join(lines) + "\n")


def problems(found: tuple[Finding, ...]) -> dict[str, Finding]:
    """Errors and warnings by their codes."""
    return {each.code: each for each in found if each.level is not Level.NOTE}


def test_nothing_speaks_against_the_quick_start_and_the_arithmetic_is_shown(conn: Connection, folder: Path) -> None:
    found = check(conn, bundle_of(folder))
    assert problems(found) == {}
    [fits] = found
    assert fits.code == "quota-fits"
    assert "4 cores × ceil(1 × 1.2) = 4 × 2 = 8" in fits.what


@pytest.fixture
def few_cores(local_azure: LocalAzure) -> Iterator[None]:
    """A hundred cores in each family."""
    before = local_azure.control("GET", "settings").json()["cores_quota"]
    local_azure.control("POST", "settings", {"cores_quota": 100}).raise_for_status()
    yield
    local_azure.control("POST", "settings", {"cores_quota": before}).raise_for_status()


@pytest.mark.usefixtures("few_cores")
def test_more_cores_than_are_free_are_refused_with_the_same_numbers_as_azures(
    local_azure: LocalAzure, conn: Connection, served: str, folder: Path
) -> None:
    text = (folder / "blue-deployment.yml").read_text().replace(NAME, served).replace("name: blue", "name: many")
    (folder / "blue-deployment.yml").write_text(text)
    (folder / "endpoint.yml").unlink()
    edit(folder, "blue-deployment.yml", instance_count="instance_count: 50")
    found = problems(check(conn, bundle_of(folder)))["quota"]
    assert "4 cores × ceil(50 × 1.2) = 4 × 60 = 240" in found.why
    assert found.place.line == 14
    [blue] = [each for each in endpoints.list_deployments(conn, served) if each.name == "blue"]
    body = {**blue.raw, "sku": {"name": "Default", "capacity": 50}}
    said = local_azure.arm("PUT", f"onlineEndpoints/{served}/deployments/many", body).text
    assert "Additional needed: 240" in said
    [used, limit] = said.partition("usage/limit: ")[2].partition(".")[0].split("/")
    assert f"{used} of {limit} cores" in found.why


def test_an_instance_type_that_is_not_offered_is_named_with_the_nearest_one(conn: Connection, folder: Path) -> None:
    edit(folder, "blue-deployment.yml", instance_type="instance_type: Standard_DS3_v3")
    found = problems(check(conn, bundle_of(folder)))["size-not-offered"]
    assert "Standard_DS3_v2" in found.fix
    assert (found.place.file, found.place.line) == ("blue-deployment.yml", 13)


def test_registered_assets_that_do_not_resolve_are_named(conn: Connection, served: str, folder: Path) -> None:
    text = f"""
name: blue
endpoint_name: {served}
model: azureml:no-such-model:1
environment: azureml:no-such-environment@latest
code_configuration:
  code: ./code/
  scoring_script: score.py
instance_type: Standard_DS3_v2
instance_count: 1
"""
    (folder / "blue-deployment.yml").write_text(text)
    found = [each for each in check(conn, bundle_of(folder)) if each.code == "asset-missing"]
    assert [each.place.line for each in found] == [4, 5]
    assert "no-such-model" in found[0].what
    assert "no-such-environment" in found[1].what


def test_a_version_that_is_not_there_is_told_beside_those_that_are(
    local_azure: LocalAzure, conn: Connection, folder: Path
) -> None:
    for version in ("1", "2"):
        body = {"properties": {"image": f"mcr.microsoft.com/azureml/minimal:{version}"}}
        local_azure.arm("PUT", f"environments/checked/versions/{version}", body).raise_for_status()
    path = folder / "blue-deployment.yml"
    before, _, after = path.read_text().partition("environment:")
    rest = after[after.index("instance_type") :]
    path.write_text(f"{before}environment: azureml:checked:7\n{rest}")
    found = problems(check(conn, bundle_of(folder)))["asset-missing"]
    assert found.why == "Its newest versions are 2, 1."
    path.write_text(f"{before}environment: azureml:checked@latest\n{rest}")
    latest = [each for each in check(conn, bundle_of(folder)) if each.code == "asset-latest"]
    assert [each.what for each in latest] == ["azureml:checked@latest is checked:2 now."]


def test_a_name_that_another_workspace_of_the_region_has_is_taken_as_azure_says_too(
    local_azure: LocalAzure, conn: Connection, folder: Path
) -> None:
    there = seed_workspace(local_azure, "checked-elsewhere")
    seed_endpoint(local_azure, there, "taken-already", {"blue": 100}, {})
    (folder / "blue-deployment.yml").unlink()
    (folder / "endpoint.yml").write_text("name: taken-already\nauth_mode: key\n")
    found = problems(check(conn, bundle_of(folder)))
    assert found.keys() == {"name-taken"}
    assert "checked-elsewhere" in found["name-taken"].why
    assert "not available" in create_endpoint(local_azure, "taken-already").text


def test_a_deployment_without_its_endpoint_is_told(conn: Connection, folder: Path) -> None:
    (folder / "endpoint.yml").unlink()
    assert problems(check(conn, bundle_of(folder))).keys() == {"endpoint-missing"}


def test_traffic_for_a_deployment_that_comes_later_is_refused_as_azure_refuses_it(
    local_azure: LocalAzure, conn: Connection, folder: Path
) -> None:
    (folder / "endpoint.yml").write_text(f"name: {NAME}\nauth_mode: key\ntraffic:\n  blue: 100\n")
    found = problems(check(conn, bundle_of(folder)))
    assert found.keys() == {"split-too-early"}
    assert found["split-too-early"].place.line == 4
    assert create_endpoint(local_azure, NAME, traffic={"blue": 100}).status_code == 400


def test_a_reader_is_told_which_rights_are_missing(
    local_azure: LocalAzure, connect_to: Callable[..., Connection], folder: Path
) -> None:
    found = check(connect_to(local_azure, "reader"), bundle_of(folder))
    missing = [each for each in found if each.code == "role-missing"]
    assert [each.level for each in missing] == [Level.ERROR] * 5
    assert "You may not make or change the endpoint." in [each.what for each in missing]
    assert all("AzureML Data Scientist" in each.fix for each in missing)


def test_a_source_that_fails_is_told_and_everything_else_is_checked(
    conn: Connection, folder: Path, fault: Callable[..., None]
) -> None:
    fault(path="/subscriptions/*/usages", status=500, code="InternalServerError")
    (folder / "code" / "score.py").write_text("def init(): pass\n")
    edit(folder, "blue-deployment.yml", instance_type="instance_type: Standard_DS3_v3")
    found = problems(check(conn, bundle_of(folder)))
    assert found.keys() == {"not-checked", "script-no-run", "size-not-offered"}
    assert found["not-checked"].why.startswith("The quota in westeurope could not be read.")


def test_an_update_tells_what_it_would_drop(
    conn: Connection, served: str, split: Callable[..., None], tmp_path: Path
) -> None:
    split({"blue": 100}, {"green": 20})
    write_quick_start(tmp_path / "files", served, {"blue": 2})
    found = problems(check(conn, bundle_of(tmp_path / "files")))
    assert found.keys() == {"drops-traffic", "drops-fields", "restarts-live"}
    assert "blue 100 %, green 20 %" in found["drops-traffic"].what
    assert "Request timeout" in found["drops-fields"].what


def test_what_azure_ai_ml_makes_of_a_file_is_what_was_foretold(
    local_azure: LocalAzure, conn: Connection, tmp_path: Path
) -> None:
    name = "foretold"
    more = {"description": "as it was", "publicNetworkAccess": "Disabled", "properties": {"owner": "nobody"}}
    assert create_endpoint(local_azure, name, **more).ok
    (tmp_path / "endpoint.yml").write_text(f"name: {name}\nauth_mode: aml_token\ntags:\n  team: a\n")
    [document] = bundle_of(tmp_path).documents
    foretold = changes(conn, document)
    told = {each.path: (each.before, each.after) for each in foretold.changes}
    assert told == {
        "properties.authMode": ("key", "aml_token"),
        "properties.description": ("as it was", ""),
        "properties.publicNetworkAccess": ("Disabled", "Enabled"),
        "Tag team": ("", "a"),
    }
    script = [sys.executable, str(ROOT / "tests/contract/apply_yaml.py"), str(tmp_path / "endpoint.yml")]
    made = subprocess.run(
        script, env=local_azure.client_environment(), capture_output=True, text=True, timeout=240, check=False
    )
    assert made.returncode == 0, made.stderr
    after = endpoints.get_endpoint(conn, name).raw["properties"]
    wanted = {path: values[1] for path, values in told.items() if "." in path}
    # Told as YAML has it; Azure has a spelling of its own.
    wanted["properties.authMode"] = AUTH_MODES[wanted["properties.authMode"]]
    assert {path: after.get(path.partition(".")[2]) or "" for path in wanted} == wanted
    assert changes(conn, document).changes == ()
    local_azure.finish(local_azure.arm("DELETE", f"onlineEndpoints/{name}"))


SENT = """
import json, sys
from azure.ai.ml import load_online_deployment
print(json.dumps(load_online_deployment(sys.argv[1])._to_rest_object("westeurope").as_dict()))
"""
EVERYTHING = """
name: blue
endpoint_name: digits
description: as it is
model: azureml:digits:3
environment: azureml:small:1
environment_variables:
  WORKER_COUNT: "2"
  MODE: on-line
instance_type: Standard_DS3_v2
instance_count: 2
request_settings:
  request_timeout_ms: 2500
  max_concurrent_requests_per_instance: 4
  max_queue_wait_ms: 250
liveness_probe:
  initial_delay: 120
  period: 7
  timeout: 3
  success_threshold: 2
  failure_threshold: 5
readiness_probe:
  initial_delay: 90
scale_settings:
  type: default
app_insights_enabled: true
egress_public_network_access: disabled
model_mount_path: /models/mine
tags:
  team: a
properties:
  built: by hand
"""


def test_every_field_of_a_deployments_file_is_foretold_as_azure_ai_ml_sends_it(
    local_azure: LocalAzure, tmp_path: Path
) -> None:
    (tmp_path / "blue.yml").write_text(EVERYTHING)
    made = subprocess.run(
        [sys.executable, "-c", SENT, str(tmp_path / "blue.yml")],
        env=local_azure.client_environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    sent = json.loads(made.stdout.splitlines()[-1])
    sent["properties"]["model"] = f"{WORKSPACE}/models/digits/versions/3"
    sent["properties"]["environmentId"] = f"{WORKSPACE}/environments/small/versions/1"
    # Azure spells its switches with a capital.
    sent["properties"]["egressPublicNetworkAccess"] = sent["properties"]["egressPublicNetworkAccess"].capitalize()
    [document] = bundle_of(tmp_path).documents
    assert changes_on(document, as_deployment(sent, "digits")).changes == ()


def test_an_azure_that_hangs_is_said_beside_what_it_was_asked_for_and_never_passed(
    conn: Connection, folder: Path, fault: Callable[..., None]
) -> None:
    # Held back three times as long as it is waited for.
    fault(path="/subscriptions/*/usages", delay_seconds=9)
    early: list[facts.Facts] = []
    bundle = bundle_of(folder)
    found = judge(bundle, facts.gather(conn, bundle, early.append, limit_seconds=3))
    [late] = [each for each in found if each.code == "not-checked" and "quota" in each.what]
    assert late.why.startswith("Azure did not answer within 3 s.")
    assert late.fix == "Check again."
    assert (late.place.file, late.level) == ("blue-deployment.yml", Level.WARNING)
    assert not {"quota", "quota-fits"} & {each.code for each in found}
    assert "region of the workspace" in early[0].asked, "what needs no answer is told before there is one"
    assert early[0].gaps == ()
    for thread in threading.enumerate():
        if thread.name == "deploy-question":
            thread.join(60)
