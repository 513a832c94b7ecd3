"""Several mistakes at once: none hides another that can be judged on its own.

What follows from something that is wrong itself cannot be judged: :data:`DEPENDS` lists it, and docs/checks.md too.
"""

from __future__ import annotations

import copy
import itertools
from pathlib import Path
from typing import Any

import yaml

from services.azure.usages import Usage, VmSize
from services.deploying import bundles, starter
from services.deploying.capacity import Offer
from services.deploying.checking import judge
from services.deploying.facts import Facts
from services.deploying.model import Kind, Level
from services.deploying.schema_fields import FIELDS
from tests.resources import deployment, endpoint

NAME = "mistaken"
DS3 = VmSize("Standard_DS3_v2", "standardDSv2Family", 4, 0, 14.0)
FACTS = Facts(
    endpoints={NAME: endpoint(NAME)},
    deployments={NAME: (deployment("blue", of=NAME, top={"sku": {"name": "Default", "capacity": 1}}),)},
    offer=Offer("westeurope", (DS3,), (Usage("standardDSv2Family", 0, 8),)),
)
ENDPOINT, DEPLOYMENT, SCRIPT, CONDA = "endpoint.yml", "blue-deployment.yml", "code/score.py", "environment/conda.yml"
NOT_THERE = "Standard_XX"

MISTAKES: dict[str, tuple[str, str, Any]] = {
    # what has to be found: the file, the field, the value
    "field-unknown": (DEPLOYMENT, "colour", "red"),
    "name-too-short": (DEPLOYMENT, "name", "b"),
    "size-not-offered": (DEPLOYMENT, "instance_type", NOT_THERE),
    "quota": (DEPLOYMENT, "instance_count", 9),
    "field-type": (DEPLOYMENT, "instance_count", "two"),
    "value-too-small": (DEPLOYMENT, "instance_count", 0),
    "path-missing": (DEPLOYMENT, "model.path", "./nowhere"),
    "path-outside": (DEPLOYMENT, "environment.conda_file", "../../conda.yml"),
    "path-unreadable": (DEPLOYMENT, "model.path", "x" * 5000),
    "path-kind": (DEPLOYMENT, "code_configuration.code", "./code/score.py"),
    "script-missing": (DEPLOYMENT, "code_configuration.scoring_script", "other.py"),
    "environment-image": (DEPLOYMENT, "environment.image", ""),
    "value-too-large": (DEPLOYMENT, "request_settings", {"request_timeout_ms": 999_999}),
    "scale-settings": (DEPLOYMENT, "scale_settings", {"type": "target_utilization"}),
    "other-kind": (DEPLOYMENT, "type", "kubernetes"),
    "value-not-text": (DEPLOYMENT, "environment_variables", {"A": True}),
    "identity-missing": (ENDPOINT, "identity", {"type": "user_assigned"}),
    "value-not-allowed": (ENDPOINT, "auth_mode", "kez"),
    "split-unknown": (ENDPOINT, "traffic", {"green": 100}),
    "split": (ENDPOINT, "mirror_traffic", {"blue": 70}),
    "field-empty": (ENDPOINT, "public_network_access", None),
    "script-no-run": (SCRIPT, "def run(", "def walk("),
    "script-syntax": (SCRIPT, "def init():", "def init()"),
    "conda-no-python": (CONDA, "- python=3.11", "- numpy"),
    "conda-requirement": (CONDA, "- azureml-inference-server-http", "- a=1"),
}
DEPENDS = {
    # A file that is not found is not read; a script that does not compile has no functions.
    ("script-missing", "path-kind"),
    ("script-no-run", "path-kind"),
    ("script-no-run", "script-missing"),
    ("script-no-run", "script-syntax"),
    ("script-syntax", "path-kind"),
    ("script-syntax", "script-missing"),
    ("conda-no-python", "path-outside"),
    ("conda-requirement", "path-outside"),
    # How many cores are needed follows from both fields.
    ("quota", "size-not-offered"),
}


def _write(folder: Path, mistakes: tuple[str, ...] = (), fields: dict[tuple[str, str], Any] | None = None) -> None:
    for name, text in starter.files(NAME, True).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for each in mistakes:
            file, before, after = MISTAKES[each]
            if file == name in (SCRIPT, CONDA):
                assert before in text
                text = text.replace(before, after)
        if name in (ENDPOINT, DEPLOYMENT):
            content = yaml.safe_load(text)
            wrong = {(MISTAKES[each][0], MISTAKES[each][1]): MISTAKES[each][2] for each in mistakes} | (fields or {})
            for (file, field), value in wrong.items():
                if file == name:
                    outer, _, inner = field.partition(".")
                    if inner:
                        content[outer][inner] = copy.deepcopy(value)
                    else:
                        content[outer] = copy.deepcopy(value)
            text = yaml.safe_dump(content, sort_keys=False)
        path.write_text(text, encoding="utf-8")


def _codes(folder: Path) -> set[str]:
    bundle = bundles.from_folder(folder, folder.parent)
    return {each.code for each in (*bundle.findings, *judge(bundle, FACTS)) if each.level is not Level.NOTE}


def test_every_mistake_is_found_by_itself_and_beside_any_other(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    hidden = []
    for first, second in itertools.combinations_with_replacement(MISTAKES, 2):
        if first != second and MISTAKES[first][:2] == MISTAKES[second][:2]:
            continue
        expected = {first, second}
        expected -= {first} if (first, second) in DEPENDS else set()
        expected -= {second} if (second, first) in DEPENDS else set()
        _write(folder, (first, second) if first != second else (first,))
        hidden += [(each, "beside", first, second) for each in expected - _codes(folder)]
    assert hidden == []


def test_no_value_of_any_field_hides_the_others_or_breaks_the_check(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    mistakes = ("size-not-offered", "script-no-run", "split-unknown", "value-not-allowed", "conda-no-python")
    nested = {"type": [1], "path": 5, "code": 5, "image": {}, "user_assigned_identities": 5}
    values: tuple[Any, ...] = ([5], 5, "two words", {"a": [1]}, nested)
    wrong = []
    for kind, file in ((Kind.ENDPOINT, ENDPOINT), (Kind.DEPLOYMENT, DEPLOYMENT)):
        for field, value in itertools.product(FIELDS[kind], values):
            # What says what kind of document it is and where it belongs is left as it is.
            if field in ("$schema", "name", "endpoint_name"):
                continue
            expected = {each for each in mistakes if MISTAKES[each][:2] != (file, field)}
            if field in ("code_configuration", "environment"):
                expected -= {"script-no-run", "conda-no-python"}
            _write(folder, mistakes, {(file, field): value})
            if expected - _codes(folder):
                wrong.append((field, value, expected - _codes(folder)))
    assert wrong == []
