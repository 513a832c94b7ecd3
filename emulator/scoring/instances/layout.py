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

_GUIDE = "Please see troubleshooting guide, available here: https://aka.ms/oe-tsg"
_MLFLOW_SCRIPT = Path(__file__).with_name("mlflow_score.py")

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

    def instance_log(self, number: int) -> Path:
        """The log of one instance."""
        return self.folder / f"instance-{number}.log"


def lay_out(spec: DeploymentSpec, folder: Path) -> Revision:
    """Copy code and model into ``folder``, which may exist.

    A scoring script that is not there is none of this function's business: as on Azure the server's start fails then.
    Raises DeploymentFailed("BadArgument") when the model or the code is missing or a name is not usable.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "home").mkdir()

    def say(text: str) -> None:
        note(folder, text)

    model = _lay_out_model(spec, folder, say)
    if spec.mlflow and spec.code_path is None:
        code, script = _mlflow_script(folder, say)
    else:
        code = _copy(spec.code_path, folder / "azureml-app", "code", say)
        script = _script(spec, code)
    return Revision(folder, code, model, script)


def note(folder: Path, text: str) -> None:
    """Append a line to the log of a revision's storage-initializer."""
    with download_log(folder).open("a", encoding="utf-8") as log:
        log.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {text}\n")


def download_log(folder: Path) -> Path:
    """What the container storage-initializer of a revision would have logged."""
    return folder / "storage-initializer.log"


def _lay_out_model(spec: DeploymentSpec, folder: Path, say: Log) -> Path | None:
    if spec.model_path is None:
        if spec.model_name:
            raise _no_download(f"model {spec.model_name}", "it has no files")
        say("The deployment has no model.")
        return None
    for name in (spec.model_name, spec.model_version):
        if not _NAME.fullmatch(name):
            raise _no_download("model", f"{name!r} is not a usable name")
    target = folder / "azureml-models" / spec.model_name / spec.model_version
    _copy(spec.model_path, target, f"model {spec.model_name}:{spec.model_version}", say)
    return target


def _copy(source: Path | None, parent: Path, what: str, say: Log) -> Path:
    """Copy a file or folder into ``parent`` under its own name and return where it went."""
    parent.mkdir(parents=True)
    if source is None:
        say(f"There is no {what}.")
        return parent
    if source.is_symlink() or not source.exists():
        raise _no_download(what, f"the path {source.name} has no files in the storage")
    target = parent / source.name
    say(f"Downloading {what} to {target}")
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=_links_that_leave(source.resolve(), say))
    else:
        shutil.copy2(source, target)
    files = [target] if target.is_file() else [file for file in target.rglob("*") if file.is_file()]
    say(f"Downloaded {len(files)} files, {sum(file.stat().st_size for file in files)} bytes.")
    return target


def _links_that_leave(root: Path, say: Log) -> Callable[[str, list[str]], list[str]]:
    """For copytree: which names of a folder are links to something outside of ``root``."""

    def leaving(folder: str, names: list[str]) -> list[str]:
        links = [name for name in names if (Path(folder) / name).is_symlink()]
        left = [name for name in links if not (Path(folder) / name).resolve().is_relative_to(root)]
        for name in left:
            say(f"Left out {name}: it is a link to something outside of the upload.")
        return left

    return leaving


def _script(spec: DeploymentSpec, code: Path) -> Path:
    """Where the scoring script has to be, whether or not it is there."""
    script = (code / spec.scoring_script).resolve()
    if not spec.scoring_script or not script.is_relative_to(code):
        raise DeploymentFailed(
            "BadArgument", f"The scoring script {spec.scoring_script!r} is not in the code folder {code.name}."
        )
    return script


def _mlflow_script(folder: Path, say: Log) -> tuple[Path, Path]:
    code = folder / "azureml-app" / "mlflow"
    code.mkdir(parents=True)
    say("The model is an MLflow model: a scoring script for it was generated.")
    return code, Path(shutil.copy2(_MLFLOW_SCRIPT, code / "score.py"))


def _no_download(what: str, why: str) -> DeploymentFailed:
    return DeploymentFailed("BadArgument", f"Unable to download user {what}: {why}. {_GUIDE}#error-badargument")


def container_variables(
    spec: DeploymentSpec, revision: Revision, python: Path, caller: Mapping[str, str]
) -> dict[str, str]:
    """The environment variables of an instance: nothing of the caller's but language, proxies and trust.

    The user's own variables come on top of Azure's, as on Azure. Raises DeploymentFailed("BadArgument") for one that no
    process can have.
    """
    for name, value in spec.environment_variables.items():
        if not name or "=" in name or "\0" in name + value:
            raise DeploymentFailed("BadArgument", f"The environment variable {name!r} is not valid.")
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
