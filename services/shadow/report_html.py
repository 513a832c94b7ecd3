"""A report as one HTML file that needs nothing else: no script, no font, no picture from elsewhere. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from html import escape

from services.digits import rounded
from services.shadow import report_words as say
from services.shadow.report_charts import charts
from services.shadow.report_parts import (
    Told,
    bullets,
    distorted,
    key,
    latency_difference,
    moment,
    needs,
    plural,
    section,
    table,
    two_lines,
    use_rows,
    with_interval,
)
from services.shadow.report_style import STYLE
from services.shadow.report_svg import interval_bar
from services.shadow.stored_words import told_of

_LIVE, _CANDIDATE = "#286bdc", "#b35109"
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_TONES = {"PASS": "good", "FAIL": "bad", "NEED MORE": "busy"}
_MARKS = {"PASS": "✓", "FAIL": "✕", "NEED MORE": "…"}
_WIDEST = 3.0


def page(document: Told, colours: Mapping[str, str] | None = None) -> str:
    """``document`` as it is read and printed. ``colours`` are those of the deployments, as ``#rrggbb``."""
    run, endpoint = document["run"], document["endpoint"]
    title = f"Shadow test of {run['candidate']} beside {run['live']}, {endpoint['name']}"
    body = "".join(
        (
            _head(document),
            section("Criteria", _criteria(document)),
            section(
                "What to know of these numbers", bullets([*document["taints"], *document["notes"]], "Nothing is known.")
            ),
            section("Set-up", _setup(document)),
            section("Side by side", _side_by_side(document)),
            section("Answers", _answers(document)) if document["answers"] else "",
            section("What happened", _timeline(document["timeline"])),
            section("How this is judged", bullets(document["method"]["sentences"], "")),
            _foot(document),
        )
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_colours(run, colours or {})}{STYLE}</style></head>"
        f"<body><main>{body}</main></body></html>"
    )


def text(document: Told) -> str:
    """``document`` as the text of a JSON file."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False).encode(errors="replace").decode()


def _head(document: Told) -> str:
    verdict, run, endpoint = document["verdict"], document["run"], document["endpoint"]
    name = verdict["verdict"]
    state = {"running": "It still runs.", "broken": "It broke off."}.get(run["state"], "")
    why = " ".join(part for part in (state, run["why"]) if part)
    span = f"{moment(verdict['since'])} to {moment(verdict['until'])}" if verdict["since"] else "no minute yet"
    more = needs(verdict, "requests") if name == "NEED MORE" and not run["is_over"] else ""
    kind = "Final verdict" if verdict["is_final"] else "Verdict so far"
    return (
        f"<header><p class=quiet>{escape(endpoint['name'])} · shadow test</p>"
        f"<h1>{escape(run['candidate'])} beside {escape(run['live'])}</h1>"
        f'<p class="verdict {_TONES[name]}"><b>{_MARKS[name]} {name}</b> <span>{escape(verdict["sentence"])}</span></p>'
        f"<p>{escape(document['question'])}</p>"
        f"<p class=quiet>{kind}, from {verdict['minutes']:,} {plural('minute', verdict['minutes'])}: {escape(span)}. "
        f"{escape(why)} {escape(more)}</p></header>"
    )


def _criteria(document: Told) -> str:
    run, rows = document["run"], []
    for each in document["verdict"]["criteria"]:
        unit, name = each["unit"], each["verdict"]
        counts = each.get("counts", "requests")
        limit = each["limit"]
        at_most = say.value(limit, unit) if limit is not None else "not known"
        more = needs(each, counts) if not run["is_over"] else ""
        seen = f"{each['n']:,} and {each['live_n']:,}" if counts == "requests" else f"{each['n']:,} {counts}"
        said = say.span(each["lower"], each["upper"], unit, has_changed=each["has_changed"])
        rows.append(
            [
                f"<b>{escape(each['name'])}</b>",
                f'<b class="tone {_TONES[name]}">{_MARKS[name]} {name}</b>',
                escape(at_most),
                escape(each.get("estimate_is") or say.value(each["estimate"], unit)),
                f"{escape(said)}{_bar(each)}",
                two_lines(seen, f"left out: {each['left_out']}" if each.get("left_out") else ""),
                escape(each["source"] or "none"),
                escape(f"{each['why']} {more}".strip()) + distorted(each["taints"]),
            ]
        )
    seen = escape(f"Requests of {run['candidate']} and {run['live']}")
    names = ("Criterion", "Verdict", "Limit", "Estimate", "Interval, valid at every look", seen, "Source", "Why")
    return table(names, rows, numbers=(2, 3, 5))


def _bar(each: Told) -> str:
    unit, limit, estimate = each["unit"], each["limit"], each["estimate"]
    if limit is None or each["has_changed"] or (unit == "factor" and (limit <= 0 or (estimate or 1) <= 0)):
        return ""

    def at(number: float) -> float:
        return math.log(max(number, 1e-9)) if unit == "factor" else number

    most = _WIDEST * max(abs(at(limit)), abs(at(estimate)) if estimate is not None else 0.0, 1e-6)
    low = 0.0 if unit == "percent" else -most
    ends = None if estimate is None else (each["lower"], each["upper"])
    # One that is only known to lie beyond what is told apart might lie on the other side of the limit.
    dot = None if each.get("estimate_is") else estimate
    return interval_bar(ends, dot, limit, lambda number: (at(number) - low) / (most - low))


def _setup(document: Told) -> str:
    run, endpoint = document["run"], document["endpoint"]
    criteria = say.criteria_of(run["criteria"])
    facts = [
        ("Endpoint", f"{endpoint['name']}, workspace {endpoint['workspace']}, {endpoint['location']}"),
        ("Mirror", f"{run['mirror_percent']} % of the live requests are copied to {run['candidate']}"),
        ("Live traffic", ", ".join(f"{name} {share} %" for name, share in run["split"]["live"].items()) or "not known"),
        ("Criteria", "; ".join(criteria)),
        ("Begun", f"{moment(run['started_at'])} by {run['person'] or run['principal'] or 'somebody'}"),
        ("In effect", moment(run["set_at"])),
        ("Ended", moment(run["ended_at"]) if run["is_over"] else f"no, until {moment(run['ends_at'])}"),
    ]
    said = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    rows = [
        [
            f"{key(run, each['name'])}{escape(each['name'])}",
            escape(each["model"] or "not known"),
            escape(each["environment"] or "not known"),
            escape(each["instance_type"] or "not known"),
            f"{each['instance_count']:,}",
            escape(moment(each["modified_at"])),
        ]
        for each in run["deployments"]
    ]
    names = ("Deployment", "Model", "Environment", "Instance type", "Instances", "Changed last")
    return f"<dl>{said}</dl>{table(names, rows, numbers=(4,)) if rows else ''}"


def _side_by_side(document: Told) -> str:
    told, run = document["described"], document["run"]
    live, candidate = told["live"], told["candidate"]
    if not live["requests"] and not candidate["requests"]:
        return "<p>There are no requests to describe.</p>"
    counts, latencies = (told["sources"][name] or "not said" for name in ("counts", "latencies"))
    rows = [
        ["Requests", f"{live['requests']:,}", f"{candidate['requests']:,}", "", escape(counts)],
        ["Errors", f"{live['errors']:,}", f"{candidate['errors']:,}", "", escape(counts)],
        [
            "Error rate",
            *(with_interval(each["error_percent"], "%") for each in (live, candidate)),
            with_interval(told["error_points"], "points", is_signed=True),
            escape(counts),
        ],
    ]
    by_share = {f"{each['share']:g}": each for each in told["quantile_differences"]}
    for share in live["quantiles_ms"]:
        name = f"P{100 * float(share):g}"
        both = [with_interval(each["quantiles_ms"][share], "ms") for each in (live, candidate)]
        rows.append([name, *both, latency_difference(by_share.get(share)), escape(latencies)])
    paired = with_interval(told["paired_percent"], "%", is_signed=True, what="minutes")
    rows.append(["Median of the same minute", "", "", paired, escape(latencies)])
    rows += use_rows(told)
    heads = ["Number", *(f"{key(run, run[who])}{escape(run[who])}" for who in ("live", "candidate"))]
    heads += ["Candidate minus live", "Source"]
    note = "<p class=quiet>Described, not judged. Below each number are its 95 % interval, of one look, and n.</p>"
    return f"{note}{table(heads, rows, numbers=(1, 2, 3))}<div class=charts>{charts(document)}</div>"


def _answers(document: Told) -> str:
    rows, fields = [], []
    for each in document["answers"]:
        share = each.get("share") or [None, None, None]
        between = "" if share[1] is None else f" ({100 * share[1]:.1f} to {100 * share[2]:.1f} %)"
        rows.append(
            [
                escape(moment(each.get("at"))),
                escape(f"{each.get('source') or 'not known'}"),
                f"{each['compared']:,}",
                f"{each['different']:,}",
                f"{each.get('undecided', 0):,}",
                "no data" if share[0] is None else f"{100 * share[0]:.1f} %{between}",
                escape(", ".join(each.get("left_out", ())) or "none"),
            ]
        )
        fields += [f"{field['field']} differs in {field['candidate_alone']:,} payloads" for field in _named(each)]
        if each.get("drifted"):
            fields.append(f"Decimal numbers may drift and are not counted in {', '.join(each['drifted'])}")
        fields += [_moved(number) for number in each.get("numbers", ())]
        fields += told_of(each)
    names = (
        "Compared",
        "Payloads from",
        "Payloads",
        "Differ for certain",
        "Perhaps more",
        "Answered otherwise, of all (95 %)",
        "Fields left out",
    )
    note = f"<p class=quiet>{escape(document['answers_note'])}</p>"
    return f"{table(names, rows, numbers=(2, 3, 4, 5))}{bullets(fields, 'No field differs.')}{note}"


def _named(each: Told) -> list[Told]:
    return [field for field in each.get("fields", ()) if field["is_named"]]


def _moved(number: Told) -> str:
    middle, by_itself = number["median"], number["by_itself"]
    told = "not known" if by_itself is None else rounded(by_itself, 3)
    return (
        f"{number['field']} moves in {number['changed']:,} of {number['count']:,} payloads: median "
        f"{rounded(middle['value'], 3, signed=True)}, where it moves "
        f"{rounded(number['changed_median'], 3, signed=True)}; by itself {told}"
    )


def _timeline(events: Sequence[Told]) -> str:
    rows = []
    for each in events:
        entry = f" <small class=quiet>journal entry {escape(each['entry'])}</small>" if each.get("entry") else ""
        ids = ", ".join(each.get("request_ids", ()))
        more = f" <small class=quiet>request ids {escape(ids)}</small>" if ids else ""
        rows.append([escape(moment(each["at"])), f"{escape(each['what'])}{entry}{more}", escape(each["who"])])
    return table(("When", "What", "Who"), rows)


def _foot(document: Told) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    run = document["run"]
    return (
        f"<footer class=quiet>Made {escape(moment(document['made_at']))} by Sluice. Run {escape(run['id'])}, "
        f"{escape(document['endpoint']['id'])}. {escape(versions)}.</footer>"
    )


def _colours(run: Told, given: Mapping[str, str]) -> str:
    chosen = [given.get(run[who], "").lower() for who in ("live", "candidate")]
    live, candidate = (
        each if _COLOUR.fullmatch(each) else fallback
        for each, fallback in zip(chosen, (_LIVE, _CANDIDATE), strict=True)
    )
    return f":root{{--live-colour:{live};--candidate-colour:{candidate}}}"
