"""References, quota and split: judged from what is in the files and from lists, without any Azure."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from services.azure.asset_versions import AssetVersion
from services.azure.usages import Usage, VmSize
from services.deploying import bundles, starter
from services.deploying.capacity import Offer
from services.deploying.checking import judge
from services.deploying.facts import AssetFacts, Facts
from services.deploying.model import Bundle, Finding, Level
from services.deploying.references import assets
from tests.deployable import write_quick_start
from tests.local_azure import ROOT
from tests.resources import deployment, endpoint

DS3 = VmSize("Standard_DS3_v2", "standardDSv2Family", 4, 0, 14.0)
A100 = VmSize("Standard_NC24ads_A100_v4", "standardNCADSA100v4Family", 24, 1, 220.0)


def offer(used: int = 0, limit: int | None = 100) -> Offer:
    """A region with two instance types."""
    return Offer("westeurope", (DS3, A100), (Usage("StandardDSv2Family", used, limit), Usage(A100.family, 0, 24)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The quick start."""
    write_quick_start(tmp_path / "files", "digits", {"blue": 2})
    return tmp_path / "files"


def bundle_of(folder: Path) -> Bundle:
    """The files as they lie there."""
    return bundles.from_folder(folder, folder.parent)


def found_in(folder: Path, facts: Facts | None = None) -> dict[str, Finding]:
    """Errors and warnings by their codes."""
    found = judge(bundle_of(folder), facts or Facts())
    return {each.code: each for each in found if each.level is not Level.NOTE}


def replace(folder: Path, before: str, after: str, file: str = "blue-deployment.yml") -> None:
    """Change a file."""
    text = (folder / file).read_text()
    assert before in text
    (folder / file).write_text(text.replace(before, after))


def test_nothing_speaks_against_the_quick_start(folder: Path) -> None:
    assert found_in(folder) == {}


@pytest.mark.parametrize("sample", ["samples", "samples/wine"])
def test_nothing_speaks_against_the_samples(sample: str) -> None:
    bundle = bundles.from_folder(ROOT / sample, ROOT)
    assert len(bundle.documents) > 2
    assert judge(bundle, Facts()) == ()


@pytest.mark.parametrize("with_model", [True, False])
def test_nothing_speaks_against_the_starter_kit(tmp_path: Path, with_model: bool) -> None:
    kit = io.BytesIO(starter.kit("my-endpoint", with_model))
    bundle = bundles.from_uploads([("kit.zip", kit)], tmp_path / "kit")
    assert len(bundle.documents) == 2
    assert judge(bundle, Facts()) == ()


@pytest.mark.parametrize(
    ("before", "after", "code", "word"),
    [
        ("./blue/model/", "./blue/modell/", "path-missing", "blue/model"),
        ("./blue/model/", "../../model-1/model/", "path-outside", "Upload the folder"),
        ("./blue/model/", "/etc/passwd", "path-outside", "Upload"),
        ("./blue/model/", ".\\blue\\model\\", "path-backslash", "./blue/model/"),
        ("./code/", "./code/score.py", "path-kind", "folder"),
        ("./conda.yml", "./code", "path-kind", "file"),
        ("./conda.yml", "./conda.yaml", "path-missing", "conda.yml"),
        ("scoring_script: score.py", "scoring_script: Score.py", "script-missing", "score.py"),
        ("scoring_script: score.py", "scoring_script: ../code2/score.py", "script-outside", "below"),
    ],
)
def test_a_reference_that_does_not_resolve_is_named_with_what_was_meant(
    folder: Path, before: str, after: str, code: str, word: str
) -> None:
    replace(folder, before, after)
    found = found_in(folder)[code]
    assert word in found.fix
    assert found.place.file == "blue-deployment.yml"
    assert found.place.line > 1


def test_a_link_that_leads_out_of_the_files_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.txt").write_text("nobody reads this")
    bundle = bundle_of(folder)
    (folder / "blue" / "model" / "factor.txt").unlink()
    (folder / "blue" / "model").rmdir()
    (folder / "blue" / "model").symlink_to(tmp_path / "secret")
    assert [each.code for each in judge(bundle, Facts())] == ["path-outside"]


@pytest.mark.parametrize("name", ["a\\0b", "x" * 300, "\\u202e"])
def test_names_that_no_file_can_have_are_told_and_break_nothing(folder: Path, name: str) -> None:
    replace(folder, "./blue/model/", f'"{name}"')
    assert found_in(folder).keys() & {"path-unreadable", "path-missing"}


def test_a_link_on_which_an_upload_breaks_is_told_and_others_are_not(folder: Path) -> None:
    (folder / "code" / "again.py").symlink_to("score.py")
    (folder / "code" / "gone").symlink_to("nowhere")
    found = found_in(folder)
    assert found.keys() == {"path-link"}
    assert "gone leads nowhere" in found["path-link"].what
    (folder / "code" / "gone").unlink()
    (folder / "code" / "deeper").mkdir()
    (folder / "code" / "deeper" / "up").symlink_to("..")
    found = found_in(folder)
    assert "deeper/up leads back" in found["path-link"].what
    assert found["path-link"].level is Level.ERROR
    (folder / "code" / ".amlignore").write_text("deeper\n")
    assert found_in(folder)["path-link"].level is Level.WARNING


def test_an_empty_model_folder_is_told(folder: Path) -> None:
    (folder / "blue" / "model" / "factor.txt").unlink()
    assert "any will do" in found_in(folder)["path-empty"].fix


def test_a_broken_script_is_found_where_it_lies(folder: Path) -> None:
    (folder / "code" / "score.py").write_text("def init():\n    pass\ndef run(data)\n")
    place = found_in(folder)["script-syntax"].place
    assert (place.file, place.line) == ("code/score.py", 3)


def test_an_import_that_nothing_brings_is_a_warning_and_own_modules_are_none(folder: Path) -> None:
    (folder / "code" / "helper.py").write_text("")
    script = (folder / "code" / "score.py").read_text()
    (folder / "code" / "score.py").write_text(f"import helper\nimport torch\n{script}")
    found = found_in(folder)
    assert found.keys() == {"import-unknown"}
    assert (found["import-unknown"].place.line, found["import-unknown"].level) == (2, Level.WARNING)


SCRIPT = """
import os
from pathlib import Path
def init():
    folder = os.getenv("AZUREML_MODEL_DIR")
    open({expression})
def run(data):
    return data
"""


@pytest.mark.parametrize(
    "expression",
    [
        'os.path.join(os.environ["AZUREML_MODEL_DIR"], "model/factor.txt")',
        'os.path.join(os.getenv("AZUREML_MODEL_DIR", "."), "model", "factor.txt")',
        'Path(os.environ.get("AZUREML_MODEL_DIR")) / "model" / "factor.txt"',
        'Path(folder, "model").joinpath("factor.txt")',
        'os.path.join(folder, "model/")',
        'os.path.join(folder, os.listdir(folder)[0], "factor.txt")',
        'next(Path(folder).rglob("factor.txt"))',
        'os.path.join("elsewhere", "factor.txt")',
        "folder",
    ],
)
def test_a_path_that_leads_into_the_model_is_left_alone(folder: Path, expression: str) -> None:
    (folder / "code" / "score.py").write_text(SCRIPT.format(expression=expression))
    assert found_in(folder) == {}


@pytest.mark.parametrize(
    "expression",
    [
        'os.path.join(os.environ["AZUREML_MODEL_DIR"], "factor.txt")',
        'os.path.join(folder, "modell", "factor.txt")',
        'Path(folder) / "model" / "deeper" / "factor.txt"',
        'Path(os.environ["AZUREML_MODEL_DIR"]).joinpath("factor.txt")',
    ],
)
def test_a_path_that_leads_nowhere_is_named_with_the_one_that_is_there(folder: Path, expression: str) -> None:
    (folder / "code" / "score.py").write_text(SCRIPT.format(expression=expression))
    found = found_in(folder)["model-path-missing"]
    assert found.fix == "It has model/factor.txt."
    assert (found.place.file, found.place.line) == ("code/score.py", 6)


def test_a_conda_file_is_not_asked_for_the_server_when_the_image_brings_it(folder: Path) -> None:
    replace(folder, "azureml-inference-server-http", "numpy", "conda.yml")
    assert found_in(folder).keys() == {"conda-no-server"}
    replace(folder, "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04", "mcr.microsoft.com/azureml/minimal-inference")
    assert found_in(folder) == {}


def test_a_deployment_in_which_nothing_answers_is_told(folder: Path) -> None:
    text = (folder / "blue-deployment.yml").read_text()
    start, end = text.index("code_configuration"), text.index("environment:")
    (folder / "blue-deployment.yml").write_text(text[:start] + text[end:])
    assert "code_configuration" in found_in(folder)["nothing-answers"].fix
    (folder / "blue" / "model" / "MLmodel").write_text("flavors: {}\n")
    assert "mlflow_model" in found_in(folder)["nothing-answers"].fix
    replace(folder, "  path: ./blue/model/", "  path: ./blue/model/\n  type: mlflow_model")
    assert found_in(folder) == {}


def test_a_plain_image_without_a_conda_file_has_no_server(folder: Path) -> None:
    replace(folder, "  conda_file: ./conda.yml\n", "")
    assert found_in(folder).keys() == {"image-no-server"}


def test_references_are_read_in_every_form(folder: Path) -> None:
    workspace = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    told = {
        "azureml:digits:3": ("digits", "3", "", ""),
        "azureml:digits@latest": ("digits", "", "latest", ""),
        f"azureml:{workspace}/models/digits/versions/3": ("digits", "3", "", ""),
        f"azureml:{workspace}/models/digits/labels/latest": ("digits", "", "latest", ""),
        "azureml://registries/shared/models/digits/versions/3": ("digits", "3", "", "shared"),
    }
    original = (folder / "blue-deployment.yml").read_text()
    for text, parts in told.items():
        (folder / "blue-deployment.yml").write_text(original.replace("model:\n  path: ./blue/model/", f"model: {text}"))
        [asset] = [each for document in bundle_of(folder).documents for each in assets(document)]
        assert (asset.name, asset.version, asset.label, asset.registry) == parts


def test_a_registered_mlflow_model_needs_no_script_and_an_archived_one_is_a_warning(folder: Path) -> None:
    (folder / "blue-deployment.yml").write_text(
        "name: blue\nendpoint_name: digits\nmodel: azureml:digits:3\ninstance_type: Standard_DS3_v2\n"
    )
    [asset] = [each for document in bundle_of(folder).documents for each in assets(document)]

    def facts(kind: str, **more: Any) -> Facts:
        version = AssetVersion("", "digits", "3", properties={"modelType": kind}, **{"is_archived": False, **more})
        return Facts(assets={asset: AssetFacts(version)})

    assert found_in(folder, facts("mlflow_model")) == {}
    assert found_in(folder, facts("custom_model")).keys() == {"nothing-answers"}
    assert found_in(folder, facts("mlflow_model", is_archived=True)).keys() == {"asset-archived"}


def test_a_total_over_all_families_that_is_tighter_decides(folder: Path) -> None:
    families = offer().usages
    tight = Offer("westeurope", (DS3, A100), (*families, Usage("TotalDedicatedCores", 90, 100, is_total=True)))
    replace(folder, "instance_count: 1", "instance_count: 3")
    found = found_in(folder, Facts(offer=tight))["quota"]
    assert found.what == "The quota does not hold blue: it needs 16 cores more, and 10 are free."
    assert "all families of the region together have 90 of 100 cores in use: 100 − 90 = 10." in found.why
    assert "1 instance would fit" in found.fix


def test_the_arithmetic_of_the_quota_is_in_the_sentence_with_what_would_fit(folder: Path) -> None:
    replace(folder, "instance_count: 1", "instance_count: 3")
    found = found_in(folder, Facts(offer=offer(used=90)))["quota"]
    assert found.what == "The quota does not hold blue: it needs 16 cores more, and 10 are free."
    assert "4 cores × ceil(3 × 1.2) = 4 × 4 = 16" in found.why
    assert "90 of 100 cores in use: 100 − 90 = 10" in found.why
    assert found.fix.startswith("1 instance would fit (4 cores × ceil(1 × 1.2) = 4 × 2 = 8).")


def test_the_deployments_of_one_bundle_share_what_is_free(folder: Path) -> None:
    text = (folder / "blue-deployment.yml").read_text()
    (folder / "green-deployment.yml").write_text(text.replace("name: blue", "name: green"))
    found = found_in(folder, Facts(offer=offer(used=88)))["quota"]
    assert found.place.file == "green-deployment.yml"
    assert "100 − 88 − 8 = 4" in found.why
    assert found_in(folder, Facts(offer=offer(used=84))) == {}
    assert found_in(folder, Facts(offer=offer(limit=None))) == {}


def test_an_update_needs_only_what_it_does_not_hold_yet(folder: Path) -> None:
    replace(folder, "instance_count: 1", "instance_count: 2")
    held = deployment("blue", top={"sku": {"capacity": 1}})
    known = Facts(endpoints={"digits": endpoint()}, deployments={"digits": (held,)}, offer=offer(used=98))
    found = found_in(folder, known)["quota"]
    assert "= 12 cores, 8 of them held already, so 4 more" in found.why
    roomy = Facts(endpoints={"digits": endpoint()}, deployments={"digits": (held,)}, offer=offer(used=96))
    assert "quota" not in found_in(folder, roomy)


def test_a_failed_deployment_beside_it_that_holds_cores_is_told_unless_it_has_traffic(folder: Path) -> None:
    failed = deployment("green", top={"sku": {"capacity": 1}}, provisioningState="Failed")
    known = Facts(endpoints={"digits": endpoint()}, deployments={"digits": (failed,)}, offer=offer())
    found = found_in(folder, known)
    assert found.keys() == {"failed-holds-cores"}
    assert found["failed-holds-cores"].what == "digits/green is there in the state Failed and holds 8 cores."
    live = endpoint(traffic={"green": 100})
    lively = Facts(endpoints={"digits": live}, deployments=known.deployments, offer=offer())
    assert "failed-holds-cores" not in found_in(folder, lively)
    (folder / "blue-deployment.yml").unlink()
    assert found_in(folder, known).keys() == {"failed-holds-cores"}


def test_exempt_instance_types_have_no_reserve(folder: Path) -> None:
    replace(folder, "Standard_DS3_v2", "standard_nc24ads_a100_v4")
    assert found_in(folder, Facts(offer=offer())) == {}
    replace(folder, "instance_count: 1", "instance_count: 2")
    assert "24 cores × 2 = 48" in found_in(folder, Facts(offer=offer()))["quota"].why


@pytest.mark.parametrize(
    ("traffic", "code"),
    [
        ("traffic: {green: 100}", None),
        ("traffic: {green: 100}\nmirror_traffic: {red: 50}", None),
        ("traffic: {GREEN: 100}", None),
        ("traffic: {green: 0}", None),
        ("traffic: {green: 60}", "split"),
        ("traffic: {green: 50, red: 60}", "split"),
        ("traffic: {green: 100}\nmirror_traffic: {red: 51}", "split"),
        ("traffic: {green: 100}\nmirror_traffic: {green: 10}", "split"),
        ("traffic: {green: 100}\nmirror_traffic: {red: 10, pink: 10}", "split"),
        ("traffic: {geen: 100}", "split-unknown"),
        ("traffic: {blue: 100}", "split-too-early"),
        ("traffic: {green: 100}\nmirror_traffic: {blue: 10}", "split-too-early"),
    ],
)
def test_a_split_that_azure_refuses_is_found(folder: Path, traffic: str, code: str | None) -> None:
    (folder / "endpoint.yml").write_text(f"name: digits\nauth_mode: key\n{traffic}\n")
    there = tuple(deployment(name) for name in ("green", "red", "pink"))
    found = found_in(folder, Facts(endpoints={"digits": endpoint()}, deployments={"digits": there}))
    assert found.keys() == ({code} if code else set())


@pytest.mark.parametrize("state", ["Creating", "Updating", "Deleting"])
def test_what_is_being_changed_cannot_be_changed(folder: Path, state: str) -> None:
    changing = Facts(endpoints={"digits": endpoint(provisioningState=state)})
    assert found_in(folder, changing)["busy"].level is Level.ERROR
    blue = deployment("blue", provisioningState=state)
    assert "busy" in found_in(folder, Facts(endpoints={"digits": endpoint()}, deployments={"digits": (blue,)}))


def test_a_taken_name_a_missing_endpoint_and_a_full_one_are_told(folder: Path) -> None:
    taken = Facts(endpoints={"digits": None}, elsewhere={"digits": ("other",)})
    assert "other" in found_in(folder, taken)["name-taken"].why
    many = tuple(deployment(f"d-{number}") for number in range(20))
    full = Facts(endpoints={"digits": endpoint()}, deployments={"digits": many})
    assert "endpoint-full" in found_in(folder, full)
    (folder / "endpoint.yml").unlink()
    assert "endpoint-missing" in found_in(folder, Facts(endpoints={"digits": None}))
