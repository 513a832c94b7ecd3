"""A finished run as text for a person, and as JUnit XML for a CI system. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias
from xml.etree import ElementTree

Json: TypeAlias = Any
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


def target_words(content: Mapping[str, Json]) -> str:
    """Where a run went: ``blue``, or ``the split``."""
    return str(content["deployment"] or "the split")


def lines(content: Mapping[str, Json], left_out: int = 0) -> Iterator[str]:
    """A run as lines. ``left_out`` payloads expect nothing, and were not sent."""
    cases: Sequence[Mapping[str, Json]] = content["cases"]
    width = min(40, max((len(each["name"]) for each in cases), default=0))
    yield f"{content['endpoint']}, {target_words(content)}"
    for each in cases:
        yield from _case_lines(each, width)
    unsent = content["planned"] - len(cases)
    also = [f"{unsent} not sent"] if unsent else []
    also += [f"{left_out} without expectations left out"] if left_out else []
    yield ", ".join([f"{content['passed']} passed", f"{content['failed']} failed", *also])


def _case_lines(case: Mapping[str, Json], width: int) -> Iterator[str]:
    held = sum(each["passed"] for each in case["verdicts"])
    parts = [
        "pass" if case["passed"] else "FAIL",
        _on_one_line(case["name"]).ljust(width),
        f"{held} of {len(case['verdicts'])} as expected",
    ]
    if case["status"] is None:
        parts.append("no answer")
    else:
        parts.append(
            f"{case['status']} from {case['deployment'] or 'a deployment not said'}, {case['total_ms']:.0f} ms"
        )
    yield "  ".join(parts)
    if case["failure"]:
        yield f"      {_on_one_line(case['failure'])}"
        return
    for each in case["verdicts"]:
        if not each["passed"]:
            yield f"      {_on_one_line(each['words'])}"


def junit(content: Mapping[str, Json]) -> str:
    """A run as JUnit XML: one test case for each payload. A request without an answer is an error, not a failure."""
    cases: Sequence[Mapping[str, Json]] = content["cases"]
    errors = sum(each["status"] is None for each in cases)
    name = f"{content['endpoint']}, {target_words(content)}"
    seconds = sum(each["total_ms"] or 0 for each in cases) / 1000
    suite = ElementTree.Element(
        "testsuite",
        name=name,
        tests=str(len(cases)),
        failures=str(content["failed"] - errors),
        errors=str(errors),
        time=f"{seconds:.3f}",
        timestamp=content["began_at"],
    )
    for each in cases:
        _add_case(suite, each, name)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=False) + "\n"


def _add_case(suite: ElementTree.Element, case: Mapping[str, Json], suite_name: str) -> None:
    made = ElementTree.SubElement(
        suite,
        "testcase",
        name=_xml(case["name"]),
        classname=suite_name,
        time=f"{(case['total_ms'] or 0) / 1000:.3f}",
    )
    wrong = [_xml(each["words"]) for each in case["verdicts"] if not each["passed"]]
    if case["status"] is None:
        ElementTree.SubElement(made, "error", message=_xml(case["failure"]))
    elif wrong:
        ElementTree.SubElement(made, "failure", message=wrong[0]).text = "\n".join(wrong)
    if case["request_id"]:
        ElementTree.SubElement(made, "system-out").text = _xml(f"Request id {case['request_id']}")


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def _on_one_line(text: str) -> str:
    """``text`` without control characters: they could paint over what a terminal or a log shows."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
