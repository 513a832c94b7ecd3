"""Who ended a call that took too long, and calls that brought no answer at all. Pure."""

from __future__ import annotations

from services.errors import Timeout, Unreachable
from services.model import Endpoint
from services.quantities import size
from services.scoring.case import NOT_KNOWN, NOT_SAID, Case, Explanation, Place, ms

_NEAR = 0.95
"""Share of a limit from which on it is what ended the call; clocks and the way there and back blur the rest."""


class NoAnswerInTime(Timeout):
    """The limit here passed before the whole answer was there. ``received_bytes`` of its body had come."""

    def __init__(self, what: str, why: str, next_step: str, *, waited_ms: float, received_bytes: int) -> None:
        super().__init__(what, why, next_step)
        self.waited_ms = waited_ms
        self.received_bytes = received_bytes


class NoAnswer(Unreachable):
    """The scoring address gave no answer, or broke off in it. ``waited_ms`` is how long that took."""

    def __init__(self, what: str, why: str, next_step: str, *, waited_ms: float) -> None:
        super().__init__(what, why, next_step)
        self.waited_ms = waited_ms


def model_timeout(case: Case) -> Explanation:
    """The card of a 408: the deployment's limit beside what was measured, and which limit ended the call."""
    place, measured = case.place, case.answer.timing.wait_ms
    found = place.deployment
    numbers = (
        place.timeout_number(),
        ("Measured here until the answer", ms(measured)),
        ("Model time", ms(case.answer.model_ms)),
        ("Limit of this request here", ms(place.request.timeout_seconds * 1000)),
    )
    steps: tuple[str, ...] = (
        "Raise request_timeout_ms of the deployment; Azure's highest is 180,000 ms.",
        "Make the model faster, or send less in one request.",
        "The log may show 200 all the same: the model worked on after the caller was told 408.",
    )
    if found is None:
        cause = "A deployment took longer than its request_timeout_ms, and the answer does not say which one."
    elif measured >= _NEAR * found.request_timeout_ms:
        cause = (
            f"Azure ended the call: {place.name} did not answer within its request_timeout_ms of "
            f"{ms(found.request_timeout_ms)}. Waiting for a free place counts too."
        )
        if found.max_concurrent_requests * found.instance_count == 1:
            steps = (*steps, "It works on one request at a time: others may have been waiting before this one.")
    else:
        cause = (
            f"The call ended after {ms(measured)}, before request_timeout_ms of {ms(found.request_timeout_ms)} was "
            "reached. Something else ended it: the script, a proxy, or a limit that was changed since it was read."
        )
        steps = ("Read the deployment again and compare its request_timeout_ms.", *steps)
    return Explanation("The model took too long", cause, numbers, next_steps=steps)


def no_answer_in_time(place: Place, error: NoAnswerInTime) -> Explanation:
    """The card of a call that the limit here ended."""
    found, limit_ms = place.deployment, place.request.timeout_seconds * 1000
    numbers = (
        ("Limit of this request here", ms(limit_ms)),
        place.timeout_number(),
        ("Waited", ms(error.waited_ms)),
        ("Received of the answer", size(error.received_bytes) if error.received_bytes else "nothing"),
        ("Model time", NOT_SAID),
    )
    if error.received_bytes:
        cause = "The limit here ended the call: the answer had begun, and its end did not come."
        steps: tuple[str, ...] = ("Send again with a longer limit.", "Look whether the answer ends at all.")
    elif found and found.request_timeout_ms > limit_ms:
        cause = (
            f"The limit here ended the call. {found.name} may take {ms(found.request_timeout_ms)} before Azure ends it."
        )
        steps = (
            f"Give the request more than {ms(found.request_timeout_ms)}: then the model's answer or a 408 comes first.",
        )
    else:
        cause = "The limit here ended the call, though Azure should have answered 408 before."
        steps = ("Send again; if it stays, look at the network on the way.",)
    return Explanation("No answer in time", cause, numbers, next_steps=(*steps, "Read the log for what the model did."))


def no_answer(endpoint: Endpoint, error: NoAnswer) -> Explanation:
    """The card of an address that did not answer."""
    access = "on" if endpoint.public_network_access else "off"
    numbers = (
        ("Scoring address", endpoint.scoring_uri or NOT_KNOWN),
        ("Public network access", access),
        ("Waited", ms(error.waited_ms)),
    )
    title = "No answer" if endpoint.public_network_access else "Not reachable from here"
    return Explanation(title, error.why, numbers, next_steps=(error.next_step,))
