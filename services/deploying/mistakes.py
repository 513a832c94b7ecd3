"""What was probably meant by the usual mistakes in files of endpoints and deployments. Pure.

The mistakes are those of public issues of azure-ai-ml, az ml and Microsoft's documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.deploying.model import Kind

_PLACEHOLDER = re.compile(r"<[^<>]+>|\$\{.+\}|\$\(.+\)|\$\w+|\{\{?.+\}?\}|%\w+%")
_CONFLICT = re.compile(r"^(?:<{7}|>{7})(?: |$)", re.MULTILINE)
_FENCE = re.compile(r"^\s*(?:```|~~~)", re.MULTILINE)
_SPACES = re.compile(r"^[ ]*[\u00a0\u2000-\u200b\u202f\u3000]", re.MULTILINE)
_QUOTES = re.compile(
    r"^\s*(?:-\s+)?(?:\$schema|name|endpoint_name|auth_mode|instance_type|model|environment|path|code|scoring_script|"
    r"conda_file|image):\s*[“”„‘’«].*[“”‘’»]\s*$",
    re.MULTILINE,
)
_TEMPLATE = re.compile(r"^[^#\n]*:\s*\{\{.*\}\}", re.MULTILINE)
_ARM = frozenset({"endpointComputeType", "instanceType", "codeConfiguration", "environmentId", "authMode"})


@dataclass(frozen=True)
class Mistake:
    """A place in a text with what is wrong there."""

    code: str
    line: int
    why: str
    fix: str


def in_text(text: str, *, is_broken: bool) -> Mistake | None:
    """What makes a text no YAML, or other YAML than it looks. ``is_broken``: it could not be read."""
    usual = (
        (
            _CONFLICT,
            "yaml-conflict",
            "It holds the marks of a merge that was not finished.",
            "Finish the merge.",
        ),
        (_FENCE, "yaml-fence", "It holds marks of Markdown, copied with the text.", "Remove the lines with ```."),
        (_SPACES, "yaml-spaces", "The line begins with a space that YAML takes for a letter.", "Type the spaces anew."),
        (_QUOTES, "yaml-quotes", "YAML takes typographic quotes for a part of the text.", 'Write straight ones: ".'),
        (_TEMPLATE, "yaml-template", "{{ … }} is a placeholder of a template.", "Write the value itself there."),
    )
    for pattern, code, why, fix in usual:
        # What can be read may hold a merge's marks or a fence in a text of several lines.
        found = pattern.search(text) if is_broken or pattern in (_SPACES, _QUOTES) else None
        if found:
            line = text.count("\n", 0, found.start()) + 1
            return Mistake(code, line, why, fix)
    return None


def is_placeholder(value: object) -> bool:
    """Whether a text stands for a value that nobody has put in: ``<NAME>``, ``${NAME}``, ``{{ name }}``."""
    return isinstance(value, str) and _PLACEHOLDER.search(value) is not None


def meant_kind(content: Mapping[Any, Any], kind: Kind, own: Mapping[Kind, frozenset[str]]) -> Kind:
    """The kind whose fields a document has when it has none of those of the kind that its schema names.

    ``own`` are the fields that only documents of a kind have.
    """
    other = Kind.DEPLOYMENT if kind is Kind.ENDPOINT else Kind.ENDPOINT
    names = {str(each) for each in content}
    return other if names & own[other] and not names & own[kind] else kind


def is_arm(content: Mapping[Any, Any]) -> bool:
    """Whether a document is a resource as Azure's REST API and ARM templates have it, and not as ``az ml`` takes it."""
    inner = content.get("properties")
    return bool(_ARM & {str(each) for each in content}) or (
        isinstance(inner, Mapping) and bool(_ARM & {str(each) for each in inner})
    )


def how_to_write(name: str, value: object) -> str:
    """How a value of the wrong form is written, "" when nothing is known of it."""
    if isinstance(value, Mapping) and isinstance(value.get("name"), str) and name in ("model", "environment"):
        reference = value["name"].removeprefix("azureml:")
        return f"To refer to a registered one, write {name}: azureml:{reference}:{value.get('version') or '1'}"
    if isinstance(value, Mapping) and name == "code":
        path = value.get("path") or value.get("local_path")
        return f"Write code: {path}" if isinstance(path, str) else ""
    if isinstance(value, str) and name in ("traffic", "mirror_traffic"):
        found = re.fullmatch(r"([\w-]+):(\d+)", value.strip())
        return f"Write a space after the colon: {found[1]}: {found[2]}" if found else ""
    if isinstance(value, str) and name == "environment" and re.match(r"[\w.-]+\.[a-z]{2,}(?::\d+)?/", value):
        return f"Write environment: and below it, indented, image: {value}"
    return ""


def renamed(name: str, kind: Kind) -> str:
    """What to do about a field of an older schema, or one that has another name in this kind of document; "" for any
    other."""
    if name == "endpoint_name" and kind is Kind.ENDPOINT:
        return "In the file of an endpoint it is called name."
    if name == "local_path":
        return "Write path."
    if name == "deployments":
        return "Give each deployment a file of its own, with name and endpoint_name."
    return ""
