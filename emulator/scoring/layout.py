"""The files of one revision of a deployment, laid out as in Azure's container.

``<revision>/azureml-app/<code folder>/`` is AML_APP_ROOT, ``<revision>/azureml-models/<name>/<version>/`` is
AZUREML_MODEL_DIR and holds the uploaded file or folder under its own name.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from emulator.scoring.model import DeploymentFailed, DeploymentSpec

Log = Callable[[str], None]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_KEPT_VARIABLES = re.compile(
    r"LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|(?:DY)?LD_LIBRARY_PATH|(?:https?|no|all)_proxy|SSL_CERT_(?:FILE|DIR)"
    r"|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Revision:
    """Where things are on disk. All paths are absolute."""

    folder: Path
    code: Path
    model: Path | None
    script: Path

    @property
    def download_log(self) -> Path:
        """What the container storage-initializer would have logged."""
        return self.folder / "storage-initializer.log"

    def instance_log(self, number: int) -> Path:
        """The log of one instance."""
        return self.folder / f"instance-{number}.log"


def lay_out(spec: DeploymentSpec, folder: Path) -> Revision:
    """Copy code and model into ``folder``.

    Raises DeploymentFailed: BadArgument when the model is missing or a name is not usable, ResourceNotReady when the
    scoring script is missing, which on Azure ends the container at its start.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True)
    (folder / "home").mkdir()
    with (folder / "storage-initializer.log").open("w", encoding="utf-8") as log:

        def say(text: str) -> None:
            log.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {text}\n")

        try:
            model = _lay_out_model(spec, folder, say)
            code = _copy(spec.code_path, folder / "azureml-app", "code", say)
            script = _script(spec, code)
        except DeploymentFailed as failure:
            say(f"{failure.code}: {failure.message}")
            raise
    return Revision(folder, code, model, script)


def _lay_out_model(spec: DeploymentSpec, folder: Path, say: Log) -> Path | None:
    if spec.model_path is None:
        if spec.model_name:
            raise DeploymentFailed("BadArgument", f"Unable to download user model {spec.model_name}: it has no files.")
        say("The deployment has no model.")
        return None
    for name in (spec.model_name, spec.model_version):
        if not _NAME.fullmatch(name):
            raise DeploymentFailed("BadArgument", f"Unable to download user model: {name!r} is not a usable name.")
    target = folder / "azureml-models" / spec.model_name / spec.model_version
    _copy(spec.model_path, target, f"model {spec.model_name}:{spec.model_version}", say)
    return target


def _copy(source: Path | None, parent: Path, what: str, say: Log) -> Path:
    """Copy a file or folder into ``parent`` under its own name and return where it went."""
    parent.mkdir(parents=True)
    if source is None:
        say(f"There is no {what}.")
        return parent
    if not source.exists():
        raise DeploymentFailed(
            "BadArgument", f"Unable to download user {what}: the path {source.name} has no files in the storage."
        )
    target = parent / source.name
    say(f"Downloading {what} to {target}")
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target)
    files = [target] if target.is_file() else [file for file in target.rglob("*") if file.is_file()]
    say(f"Downloaded {len(files)} files, {sum(file.stat().st_size for file in files)} bytes.")
    return target


def _script(spec: DeploymentSpec, code: Path) -> Path:
    script = (code / spec.scoring_script).resolve()
    if not spec.scoring_script or not script.is_relative_to(code) or not script.is_file():
        raise DeploymentFailed(
            "ResourceNotReady",
            f"User container has crashed or terminated: the scoring script {spec.scoring_script!r} is not in the code "
            f"folder {code.name}.",
        )
    return script


def container_variables(
    spec: DeploymentSpec, revision: Revision, python: Path, caller: Mapping[str, str]
) -> dict[str, str]:
    """The environment variables of an instance: nothing of the caller's but language, proxies and trust.

    The user's own variables come on top of Azure's, as on Azure.
    """
    variables = {name: value for name, value in caller.items() if _KEPT_VARIABLES.fullmatch(name)}
    variables |= {
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(revision.folder / "home"),
        "PYTHONUNBUFFERED": "1",
        "AML_APP_ROOT": str(revision.code),
        "AZUREML_ENTRY_SCRIPT": str(revision.script),
    }
    if revision.model:
        variables["AZUREML_MODEL_DIR"] = str(revision.model)
    variables |= spec.environment_variables
    # All gunicorns of one HOME would share one control socket.
    variables["GUNICORN_CMD_ARGS"] = f"{variables.get('GUNICORN_CMD_ARGS', '')} --no-control-socket".strip()
    return variables
