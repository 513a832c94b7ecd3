"""What a comparison says, in words and tables. Pure."""

from __future__ import annotations

from services.replay.noise import FieldNoise
from services.replay.record import Example, Record
from services.replay.report import Interval, Latency, Report, Shift, proportion
from ui import words
from ui.components.table import Cell, Column, Row

FIELD_COLUMNS = (
    Column("Field", help="A JSONPath; [*] stands for every place in a list. status and body are the whole answer."),
    Column("Verdict"),
    Column("Only the candidate differs", number=True, help="Requests where both answers of the live deployment agree."),
    Column(
        "Live differs from itself",
        number=True,
        help="Requests where one answer of the live deployment stands alone, for each of its two answers.",
    ),
    Column("All three differ", number=True, help="As for ids and times: says nothing about the candidate."),
    Column(
        "Asked again", number=True, help="Of those that one answer stood alone in, how often it was the candidate's."
    ),
)
SHIFT_COLUMNS = (
    Column("Number"),
    Column("Moved", number=True, help="Requests in which the candidate's number is another one."),
    Column("Median move", number=True, help="Candidate less live, over all requests, with its 95 % interval."),
    Column("Where it moved", number=True, help="The median over the requests in which it moved."),
    Column("Largest move", number=True),
    Column("Moves by itself", number=True, help="The median distance between the two answers of the live deployment."),
)
EXAMPLE_COLUMNS = (
    Column("Request"),
    Column("Differs in", wraps=True),
    Column("Places", number=True),
    Column("Live", wraps=True),
    Column("Candidate", wraps=True),
)
MOST_LETTERS = 60


def verdict(record: Record, report: Report) -> str:
    """What was found, in one or two sentences."""
    live, candidate = record.live, record.candidate
    if not report.compared:
        return f"Nothing could be compared: {words.count(report.both_failed, 'request')}, and every answer an error."
    share = report.share
    if not report.named:
        most = percent(proportion(report.undecided, report.compared).high or 0.0)
        if report.undecided:
            return (
                f"{candidate} answers {report.undecided:,} of {words.count(report.compared, 'request')} otherwise than "
                f"{live}, too few to tell from chance. Of requests like these at most {most} can be answered otherwise "
                "(95 % interval)."
            )
        return (
            f"No difference between {candidate} and {live} was found in {words.count(report.compared, 'request')}. "
            f"Of requests like these at most {most} can be answered otherwise (95 % interval)."
        )
    fields = ", ".join(field.field for field in report.named[:3])
    more = f" and {len(report.named) - 3} more" if len(report.named) > 3 else ""
    return (
        f"{candidate} answers {report.different:,} of {words.count(report.compared, 'request')} otherwise than {live}: "
        f"{percent(share.value)}, between {percent(share.low or 0.0)} and {percent(share.high or 0.0)} "
        f"(95 % interval). It differs in {fields}{more}."
    )


def by_itself(record: Record, report: Report) -> str:
    """How much of that the live deployment does alone, "" when nothing."""
    if not report.named or not report.by_itself:
        return ""
    return (
        f"{record.live} also differs from itself in these fields, in {report.by_itself:g} of "
        f"{words.count(report.compared, 'request')} per asking: about so many of the different ones are noise."
    )


def field_row(field: FieldNoise) -> Row:
    """One field."""
    if field.is_named:
        verdict_cell = Cell("differs", tone="bad")
    else:
        verdict_cell = Cell("differs by itself" if field.differs_by_itself else "too rare to tell", tone="neutral")
    again = f"{field.again_candidate_alone} of {field.again_alone}" if field.again_alone else "not asked"
    return Row(
        field.field,
        (
            Cell(field.field, code=True),
            verdict_cell,
            _count(field.candidate_alone),
            Cell(f"{field.live_alone:g}", sort=field.live_alone, muted=not field.live_alone),
            _count(field.unsettled),
            Cell(again, sort=field.again_candidate_alone, muted=not field.again_alone),
        ),
    )


def shift_row(shift: Shift) -> Row:
    """One number."""
    return Row(
        shift.field,
        (
            Cell(shift.field, code=True),
            Cell(f"{shift.changed:,} of {shift.count:,}", sort=shift.changed),
            Cell(_interval(shift.median), sort=shift.median.value),
            Cell(signed(shift.changed_median), sort=shift.changed_median),
            Cell(signed(shift.largest), sort=shift.largest),
            Cell(f"{shift.by_itself:.3g}", sort=shift.by_itself, muted=not shift.by_itself),
        ),
    )


def example_row(number: int, example: Example) -> Row:
    """One request that is answered otherwise; its id is the place in the list."""
    first = example.differences[0] if example.differences else None
    return Row(
        f"{number}",
        (
            Cell(example.name, sort=number),
            Cell(", ".join(example.fields[:3]), code=True),
            Cell(f"{len(example.differences)}", sort=len(example.differences)),
            _side(first.left if first else None, is_there=first is not None and first.kind != "added"),
            _side(first.right if first else None, is_there=first is not None and first.kind != "missing"),
        ),
        also=example.request[:200],
    )


def latency_words(record: Record, latency: Latency) -> str:
    """The times of pairs in a sentence, and what taints them."""
    if not latency.is_model:
        taint = f" {record.live} got two of three requests here, so more of its time may be waiting for a place."
        return _pairs(record, latency, "The whole request") + taint
    return _pairs(record, latency, "The model itself")


def _pairs(record: Record, latency: Latency, what: str) -> str:
    difference = latency.difference
    if difference.low is None or difference.high is None:
        return f"{what}: too few pairs to tell."
    low, high = sorted((abs(difference.low), abs(difference.high)))
    pairs = f"in the median of {words.count(latency.pairs, 'pair')}"
    if difference.holds(0.0):
        span = f"from {_ms(difference.low)} to {_ms(difference.high)}"
        return f"{what}: no difference can be told. {record.candidate} takes {span} more {pairs} (95 % interval)."
    more = "more" if difference.value > 0 else "less"
    return (
        f"{what}: {record.candidate} takes {words.milliseconds(abs(difference.value))} {more} than {record.live} "
        f"{pairs} ({words.milliseconds(low)} to {words.milliseconds(high)}, 95 % interval)."
    )


def percent(share: float) -> str:
    """A share between 0 and 1 with a decimal: ``5.0 %``, ``12.4 %``, ``0 %``."""
    return "0 %" if share == 0 else "100 %" if share == 1 else f"{100 * share:.1f} %"


def signed(value: float) -> str:
    """A number with its sign and three digits."""
    return "0" if value == 0 else f"{value:+.3g}"


def _ms(value: float) -> str:
    return f"{'−' if value < 0 else ''}{words.milliseconds(abs(value))}"


def _interval(interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return signed(interval.value)
    return f"{signed(interval.value)} ({signed(interval.low)} to {signed(interval.high)})"


def _count(number: int) -> Cell:
    return Cell(f"{number:,}", sort=number, muted=not number)


def _side(value: object, *, is_there: bool) -> Cell:
    if not is_there:
        return Cell("nothing", muted=True)
    text = "null" if value is None else str(value)
    return Cell(text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]} …", code=True, title=text[:1000])
