"""Whether a deployment can be tried on a local Azure: it has what is in the files, and nothing of the cloud. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from services.deploying.model import Document, Kind

_NOT_THERE = ("azureml:", "azureml://", "http://", "https://", "wasbs://", "abfss://", "runs:/", "mlflow:")
"""How a reference begins that leads away from the files: to a registered asset, a job's output, or a store."""
_CURATED = ("azureml://registries/azureml/environments/", "azureml:azureml-")
"""Microsoft's own environments: the local Azure knows what they bring."""


def why_not(document: Document) -> str:
    """Why ``document`` cannot be tried on a local Azure, in a sentence; "" when nothing speaks against it."""
    if document.kind is not Kind.DEPLOYMENT:
        return "Only a deployment can be tried."
    if not document.name or not document.endpoint:
        return "The deployment or its endpoint has no name."
    found = [f"{field} is {value}" for field, value in _references(document.content) if _is_elsewhere(field, value)]
    if found:
        return (
            f"The local Azure has only what is in the files: {'; '.join(found)}. "
            "Put a folder or a file there to try it, or apply it without a trial."
        )
    return ""


def _references(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for field in ("model", "environment"):
        value = content.get(field)
        if isinstance(value, str):
            yield field, value
        elif isinstance(value, Mapping):
            for name in ("path", "conda_file"):
                if isinstance(value.get(name), str):
                    yield f"{field}.{name}", value[name]
    code = content.get("code_configuration")
    if isinstance(code, Mapping) and isinstance(code.get("code"), str):
        yield "code_configuration.code", code["code"]


def _is_elsewhere(field: str, value: str) -> bool:
    return value.lower().startswith(_NOT_THERE) and not (field == "environment" and value.lower().startswith(_CURATED))
