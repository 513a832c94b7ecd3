"""One deployment's file against its own files and against what Azure holds. Reads files, asks nothing of Azure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from services.azure.endpoints import BUSY_STATES
from services.azure.missing_assets import words
from services.deploying import conda, model_paths, packages, scripts
from services.deploying.environment_checks import check_imports, conda_of, registered_asset, start_of
from services.deploying.facts import AssetFacts, Facts
from services.deploying.failed_checks import failed
from services.deploying.local_modules import Followed, follow
from services.deploying.model import Bundle, Document, Finding, Level, Place
from services.deploying.references import Asset, assets, local_files, locate, mapping

_PLAIN_IMAGE = re.compile(r"mcr\.microsoft\.com/azureml/(?:openmpi|base|intelmpi)[^/]*", re.IGNORECASE)
_CURATED = re.compile(r"azureml-", re.IGNORECASE)
_MLFLOW = "mlflow_model"
_Found = TypeVar("_Found")


def check_endpoint_of(document: Document, facts: Facts, coming: Collection[str]) -> Iterator[Finding]:
    """Whether the endpoint is there or comes with the bundle, and whether both may be changed now."""
    name = document.endpoint.lower()
    if not name or name not in facts.endpoints:
        return
    endpoint = facts.endpoints[name]
    place = document.place("endpoint_name")
    if endpoint is None:
        if name not in coming:
            alike = difflib.get_close_matches(name, coming, 1, 0.6)
            fix = f"Did you mean {alike[0]}?" if alike else "Add the endpoint's YAML, or make the endpoint first."
            what = f"There is no endpoint {document.endpoint}, and these files do not make it."
            yield Finding(Level.ERROR, "endpoint-missing", place, what, "A deployment needs its endpoint.", fix)
        return
    if endpoint.is_kubernetes:
        what = f"{document.endpoint} is a Kubernetes endpoint."
        yield Finding(Level.ERROR, "endpoint-kubernetes", place, what, "Sluice deploys to managed ones.", "Use az ml.")
    if endpoint.state in BUSY_STATES:
        yield busy(document, document.endpoint, endpoint.state)
    elif endpoint.state == "Failed":
        what = f"{document.endpoint} is in the state Failed."
        why = "An endpoint that was never made takes no deployments; one whose last change failed does."
        yield Finding(Level.WARNING, "endpoint-failed", place, what, why, "Apply the endpoint again first.")
    deployment = facts.deployment(document)
    if deployment is not None and deployment.state in BUSY_STATES:
        yield busy(document, document.name, deployment.state)
    elif deployment is not None and deployment.state == "Failed":
        yield failed(document, endpoint, deployment)


def busy(document: Document, name: str, state: str) -> Finding:
    """Somebody's operation is running on what would be changed."""
    what = f"{name} is {state.lower()} right now."
    why = "Azure refuses a second operation while one runs."
    return Finding(Level.ERROR, "busy", document.place("name"), what, why, "Wait until it has ended, then check again.")


def check_assets(document: Document, facts: Facts) -> Iterator[Finding]:
    """Whether what the file names in Azure is there."""
    for asset in assets(document):
        place = document.place(*asset.field)
        if asset.registry:
            what = f"The {asset.what} {asset.name} of the registry {asset.registry} was not looked up."
            why = "Registries are outside of the workspace."
            yield Finding(
                Level.NOTE, "asset-registry", place, what, why, "Look at it in Azure Machine Learning studio."
            )
            continue
        if asset.label and asset.label.lower() != "latest":
            what = f"The {asset.what} {asset.text} has the label {asset.label}."
            yield Finding(Level.ERROR, "asset-label", place, what, "Azure knows the label latest.", "Name a version.")
        known = facts.assets.get(asset)
        is_curated = asset.collection == "environments" and _CURATED.match(asset.name)
        if known is None or (known.found is None and is_curated):
            continue
        if known.found is None:
            yield Finding(Level.ERROR, "asset-missing", place, *_not_there(asset, known))
        elif known.found.is_archived:
            what = f"The {asset.what} {asset.name}:{known.found.version} is archived."
            why = "It still works; somebody meant that it should not be used any more."
            yield Finding(Level.WARNING, "asset-archived", place, what, why, "Choose another version, or restore it.")
        elif asset.label:
            what = f"{asset.text} is {asset.name}:{known.found.version} now."
            yield Finding(
                Level.NOTE, "asset-latest", place, what, "A later apply may get another.", "Name the version."
            )


def _not_there(asset: Asset, known: AssetFacts) -> tuple[str, str, str]:
    where = asset.workspace.rpartition("/")[2]
    what, why, fix = words(asset.collection, asset.name, asset.version, known.instead, where)
    if not known.instead.versions and not known.instead.nearest:
        instead = "name files: model with a path" if asset.collection == "models" else "describe it here"
        fix = f"Register it first, or {instead}."
    return what, why, fix


def check_files(document: Document, bundle: Bundle, facts: Facts) -> list[Finding]:
    """Whether the named files are there, the script can be run, and the environment be built."""
    found: list[Finding] = []
    located: dict[str, Path] = {}
    for wanted in local_files(document):
        place = _tried(document, found, None, partial(locate, bundle, document, wanted))
        if isinstance(place, Finding):
            found.append(place)
        elif place is not None:
            located[wanted.what] = place
    folder, model = located.get("code folder"), located.get("model")
    script = _tried(document, found, scripts.Script(()), partial(_script, document, bundle, folder))
    conda_file = located.get("conda file")
    environment = _tried(document, found, conda.CondaFile(()), partial(conda_of, document, bundle, conda_file, facts))
    found += (*script.findings, *environment.findings)
    followed = _tried(document, found, Followed(), partial(_followed, bundle, script, folder, environment))
    found += followed.findings
    context = located.get("build context")
    parts: tuple[Iterator[Finding], ...] = (
        check_imports(document, followed, environment, folder, bundle.folder),
        _model_paths(script.file, bundle, model),
        _dockerfile(document, context),
        _what_answers(document, facts, model),
    )
    for part in parts:
        found += _tried(document, found, [], partial(list, part))
    return found


def _tried(document: Document, found: list[Finding], otherwise: _Found, read: Callable[[], _Found]) -> _Found:
    """What ``read`` returns. What cannot be read is a finding, and everything else is checked all the same."""
    try:
        return read()
    except (OSError, ValueError) as error:
        # A name that no file can have, a file that may not be read, or one that has just gone.
        why = f"A file that {document.file} names could not be read: {getattr(error, 'strerror', None) or error}."
        what = f"Not all files of {document.name} were checked."
        fix = "Look at the paths in the YAML, and at who may read the files."
        found.append(Finding(Level.ERROR, "path-unreadable", document.place(), what, why, fix))
        return otherwise


def _script(document: Document, bundle: Bundle, folder: Path | None) -> scripts.Script:
    name = mapping(document.content.get("code_configuration")).get("scoring_script")
    if folder is None or not isinstance(name, str) or not name.strip():
        return scripts.Script(())
    place = document.place("code_configuration", "scoring_script")
    path = folder / name.strip()
    if not path.resolve().is_relative_to(folder.resolve()):
        why = "The code folder is all that goes into the container."
        what = f"The scoring script {name} lies outside of the code folder."
        return scripts.Script((Finding(Level.ERROR, "script-outside", place, what, why, "Name a path below it."),))
    if not path.is_file():
        there = sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*.py") if each.is_file())
        same = [each for each in there if Path(each).name.lower() == Path(name).name.lower()]
        alike = same or difflib.get_close_matches(name, there, 1, 0.5)
        why = f"Its Python files are {', '.join(there[:4])}." if there else "It has no Python files."
        fix = f"Write scoring_script: {alike[0]}" if alike else "Add it, or name the right code folder."
        what = f"The code folder has no {name}."
        return scripts.Script((Finding(Level.ERROR, "script-missing", place, what, why, fix),))
    return scripts.look_at(start_of(path, scripts.MAX_BYTES), _shown(path, bundle))


def _followed(bundle: Bundle, script: scripts.Script, folder: Path | None, environment: conda.CondaFile) -> Followed:
    if folder is None or not script.file:
        return Followed()

    def is_installed(name: str) -> bool:
        return packages.may_bring(name, environment.packages)

    return follow(script, bundle.folder / script.file, folder, bundle.folder, is_installed)


def _model_paths(script: str, bundle: Bundle, model: Path | None) -> Iterator[Finding]:
    """The model's files that the script opens and that are not there."""
    if model is None or not script:
        return
    for path, line in model_paths.opened(start_of(bundle.folder / script, scripts.MAX_BYTES)):
        if model_paths.is_there(path, model):
            continue
        what = f"The script opens {path} below AZUREML_MODEL_DIR, and the model has no such file."
        why = f"Azure keeps the name of what is uploaded: here everything is below {model.name}."
        there = model_paths.suggestions(path, model)
        fix = f"It has {', '.join(there)}." if there else "Add the file to the model."
        yield Finding(Level.WARNING, "model-path-missing", Place(script, line), what, why, fix)


def _dockerfile(document: Document, context: Path | None) -> Iterator[Finding]:
    if context is None:
        return
    build = mapping(mapping(document.content.get("environment")).get("build"))
    name = str(build.get("dockerfile_path") or "Dockerfile")
    path = context / name
    if not path.resolve().is_relative_to(context.resolve()) or not path.is_file():
        place = document.place("environment", "build", "dockerfile_path")
        what = f"The build context has no {name}."
        fix = "Add it, or name it in dockerfile_path."
        yield Finding(Level.ERROR, "dockerfile-missing", place, what, "Azure builds the image from it.", fix)


def _what_answers(document: Document, facts: Facts, model: Path | None) -> Iterator[Finding]:
    """Whether something in the container answers requests: a script, an MLflow model, or an image of one's own."""
    content = document.content
    if mapping(content.get("code_configuration")):
        yield from _what_runs_the_script(document, facts)
        return
    if _is_mlflow(document, facts) or _is_own_container(document, facts):
        return
    what = f"Nothing in {document.name} answers requests."
    why = "There is no scoring script, the model is no MLflow model, and the environment has no inference_config."
    fix = "Add code_configuration with code and scoring_script."
    if model is not None and model.is_dir() and any(model.rglob("MLmodel")):
        fix = "Its folder looks like an MLflow model: add type: mlflow_model below model."
    yield Finding(Level.ERROR, "nothing-answers", document.place("model"), what, why, fix)


def _what_runs_the_script(document: Document, facts: Facts) -> Iterator[Finding]:
    environment = document.content.get("environment")
    if not environment and not _is_mlflow(document, facts):
        what = f"{document.name} has a script and no environment to run it in."
        fix = "Add environment: an image with a conda_file, or azureml:name:version."
        yield Finding(Level.ERROR, "no-environment", document.place(), what, "Azure needs to know the packages.", fix)
    given = mapping(environment)
    if _PLAIN_IMAGE.fullmatch(str(given.get("image") or "")) and not given.get("conda_file"):
        what = f"The image {given['image']} has no inference server in it."
        why = "It is Microsoft's plain image, and without a conda file nothing is added to it."
        fix = "Add a conda_file with azureml-inference-server-http, or take an image whose name ends in -inference."
        yield Finding(Level.ERROR, "image-no-server", document.place("environment", "image"), what, why, fix)


def _is_mlflow(document: Document, facts: Facts) -> bool:
    given = document.content.get("model")
    if isinstance(given, str):
        known = registered_asset(document, "model", facts)
        # What could not be looked at is given the benefit of the doubt.
        return known is None or str(known.properties.get("modelType") or "").lower() == _MLFLOW
    return str(mapping(given).get("type") or "").lower() == _MLFLOW


def _is_own_container(document: Document, facts: Facts) -> bool:
    environment = document.content.get("environment")
    if isinstance(environment, str):
        known = registered_asset(document, "environment", facts)
        return known is None or bool(known.properties.get("inferenceConfig"))
    return bool(mapping(environment).get("inference_config"))


def _shown(path: Path, bundle: Bundle) -> str:
    return path.resolve().relative_to(bundle.folder.resolve()).as_posix()
