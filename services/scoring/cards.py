"""What each status of a managed online endpoint means for one request, with its numbers and what to do next. Pure.

The meanings are those of how-to-troubleshoot-online-endpoints; the limits of an endpoint those of how-to-manage-quotas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from services.quantities import size
from services.scoring.answer import meaning_of
from services.scoring.case import NOT_KNOWN, NOT_SAID, Case, Explanation, ms, shares
from services.scoring.request import JSON
from services.scoring.timeouts import model_timeout

RATE_LIMITS = "500 requests/s, 500 new connections/s, 500 connections, 5 MB/s"
"""Azure's default limits of one managed online endpoint (how-to-manage-quotas); support can raise them."""
_REASON = "ms-azureml-model-error-reason"
_STATUS = "ms-azureml-model-error-statuscode"
_SCORE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action"
_AGAIN = "Send it again; if it stays, report the request id to Azure's support."


def card(case: Case) -> Explanation:
    """The card of an answer that is not good."""
    status = case.answer.status
    if case.is_page and (case.is_foreign or case.answer.is_good):
        return _page(case)
    if status in _CARDS:
        return _CARDS[status](case)
    if 300 <= status < 400:
        return _redirect(case)
    return _service(case) if status >= 500 else _other(case)


def _unauthorized(case: Case) -> Explanation:
    endpoint, answer = case.place.endpoint, case.answer
    tried = "twice: as kept, then fetched anew" if answer.attempts > 1 else "once, with one fetched just now"
    numbers = (("Auth mode", endpoint.auth_mode), ("Tried", tried), ("Azure's words", case.words or NOT_SAID))
    if endpoint.auth_mode == "key":
        cause = f"{endpoint.name} did not accept its own primary key. It may have been rotated a moment ago."
        steps: tuple[str, ...] = (
            "Wait a minute and send again: a new key takes a moment to reach the endpoint.",
            "If it stays, look whether the endpoint was deleted and created again under the same name.",
        )
    else:
        cause = f"{endpoint.name} did not accept the token: it ran out, is for something else, or has no right."
        steps = (
            "Check the clock of the machine that runs Sluice: a token is judged by its times.",
            f"Check that the signed-in identity has a role with {_SCORE}, such as AzureML Data Scientist.",
            "A role given just now takes a few minutes to count.",
        )
    return Explanation(
        "The key was not accepted" if endpoint.auth_mode == "key" else "The token was not accepted",
        cause,
        numbers,
        next_steps=steps,
    )


def _forbidden(case: Case) -> Explanation:
    endpoint = case.place.endpoint
    access = "on" if endpoint.public_network_access else "off"
    numbers = (
        ("Auth mode", endpoint.auth_mode),
        ("Public network access", access),
        ("Azure's words", case.words or NOT_SAID),
    )
    role = f"Give the signed-in identity a role with {_SCORE}, such as AzureML Data Scientist; it counts after minutes."
    network = "Send from a machine in the workspace's network: the endpoint is private."
    if not endpoint.public_network_access:
        cause = "Public network access of the endpoint is off, so it takes requests from its private network alone."
        return Explanation("Refused from this network", cause, numbers, next_steps=(network, role))
    if endpoint.auth_mode == "aad_token":
        cause = "The token is valid, but its identity may not score here."
        return Explanation("The identity may not score", cause, numbers, next_steps=(role,))
    cause = (
        "Azure refuses the caller. With a key that points to the network: a private endpoint, or a proxy on the way."
    )
    return Explanation("Not allowed", cause, numbers, next_steps=(network, "Look whether a proxy on the way answered."))


def _nobody(case: Case) -> Explanation:
    place = case.place
    asked = place.request.deployment
    names = ", ".join(each.name for each in place.deployments) or "none"
    numbers = (("Live traffic", shares(place.endpoint)), ("Asked for", asked or "the split"), ("Deployments", names))
    if not place.deployments:
        cause = f"{place.endpoint.name} has no deployment, so nothing can answer."
        return Explanation("No deployment", cause, numbers, next_steps=("Create a deployment.",))
    if asked and place.deployment is None:
        cause = f"{place.endpoint.name} has no deployment named {asked}."
        return Explanation("No such deployment", cause, numbers, next_steps=(f"Choose one of {names}.",))
    if not asked and not place.endpoint.split.live:
        cause = "No deployment has live traffic, so a request through the split has nowhere to go."
        steps = ("Give a deployment live traffic on the Traffic page.", "Or pin the request to one deployment.")
        return Explanation("No live traffic", cause, numbers, next_steps=steps)
    cause = "Azure found nobody for this request, though the split read last names somebody. It may have just changed."
    steps = (
        "Read the endpoint again and compare its split.",
        f"Check the scoring address {place.endpoint.scoring_uri}.",
    )
    return Explanation("Nobody took the request", cause, numbers, next_steps=steps)


def _model_failed(case: Case) -> Explanation:
    place, headers = case.place, case.answer.headers
    status, reason = headers.get(_STATUS), headers.get(_REASON)
    numbers = (
        ("Model status", status or "no answer"),
        ("Reason", reason or NOT_SAID),
        ("Deployment", place.name or NOT_KNOWN),
        ("Model time", ms(case.answer.model_ms)),
    )
    if reason == "model_not_ready":
        cause = f"No instance of {place.the_deployment} could answer: it is starting, its probe fails, or it crashed."
        steps = (
            "Read the log below for what ended it; a process that dies in the middle of a request looks the same.",
            "Look at the deployment's state and events, then send again.",
        )
        return Explanation("The model is not ready", cause, numbers, next_steps=steps)
    if case.is_page:
        cause = "The inference server gave up on its worker, most likely because the script ran longer than it may."
        steps = ("Read the log below.", "Make the script faster, or raise WORKER_TIMEOUT (300 s by default).")
        return Explanation("The worker was ended", cause, numbers, next_steps=steps)
    if status is not None and status[:1] == "4":
        cause = f"The container answered {status}: it did not accept this request. Azure passes that on as 424."
        steps = ("Compare the body and its content type with what the scoring script expects.", "Read the log below.")
        return Explanation("The model refused the request", cause, numbers, next_steps=steps)
    cause = f"The scoring script of {place.the_deployment} failed on this request."
    if headers.get("x-ms-run-function-failed", "").lower() != "true":
        cause = f"The container of {place.the_deployment} answered {status or 'nothing'} instead of 200."
    is_json = place.request.content_type.startswith(JSON)
    look = () if is_json else (f"Check the content type {place.request.content_type}: most scripts read JSON only.",)
    others = (
        "Read the log below for the script's own words.",
        "Send a request that is known to work: if it fails too, the deployment is broken, else the body is.",
    )
    return Explanation("The model failed", cause, numbers, next_steps=(*look, *others))


def _too_many(case: Case) -> Explanation:
    place, reason = case.place, case.answer.headers.get(_REASON)
    found = place.deployment
    limit, rule = NOT_KNOWN, "2 × max_concurrent_requests_per_instance × instances"
    if found:
        most = 2 * found.max_concurrent_requests * found.instance_count
        limit = f"{most:,} requests"
        rule = f"2 × {found.max_concurrent_requests} concurrent × {found.instance_count} instances"
    numbers: tuple[tuple[str, str], ...] = (
        (f"In-flight limit of {place.the_deployment}", limit),
        ("Made of", rule),
        ("Limits of the endpoint", RATE_LIMITS),
        ("Azure's reason", reason or case.words or NOT_SAID),
    )
    if retry := case.answer.headers.get("retry-after"):
        numbers = (*numbers, ("Retry after", f"{retry} s" if retry.isdigit() else retry))
    if reason == "too_many_pending_request":
        cause = f"{place.subject} already holds as many requests as it may, those waiting included."
        steps: tuple[str, ...] = (
            "Raise max_concurrent_requests_per_instance if the script can work on several requests at once.",
            "Add instances, or send less at a time.",
            "Make the model faster: the same rate then needs fewer places.",
        )
        return Explanation("The deployment is full", cause, numbers, next_steps=steps)
    cause = (
        "One of two limits is reached. Azure names the deployment's own as too_many_pending_request and did not here, "
        "so it is most likely the endpoint's limit of requests, connections or bytes per second."
    )
    steps = (
        "Send less per second, and use connections again instead of opening new ones.",
        "Ask Azure's support for a higher limit; the deployments must be created again afterwards.",
        "If the rate is low, compare the requests under way with the in-flight limit.",
    )
    return Explanation("Too many requests", cause, numbers, next_steps=steps)


def _too_large(case: Case) -> Explanation:
    numbers = (("Body", size(len(case.place.request.body))), ("Azure's words", case.words or NOT_SAID))
    cause = "The body is larger than something on the way accepts. Azure documents no limit for managed endpoints."
    steps = (
        "Send fewer rows at a time.",
        "For large data pass a reference that the script reads, or use a batch endpoint.",
    )
    return Explanation("The body is too large", cause, numbers, next_steps=steps)


def _redirect(case: Case) -> Explanation:
    target = case.answer.headers.get("location", "")
    try:
        host = urlsplit(target).netloc.rpartition("@")[2] or ("the same host" if target else NOT_SAID)
    except ValueError:
        host = "an address that cannot be read"
    numbers = (("Status", str(case.answer.status)), ("Leads to", host))
    cause = "The answer leads to another address. It was not followed: the key goes to this endpoint and nowhere else."
    steps = (
        "Look whether a proxy or a sign-in page on the way answered instead of Azure.",
        "Check the scoring address of the endpoint.",
    )
    return Explanation("A redirect, not followed", cause, numbers, next_steps=steps)


def _page(case: Case) -> Explanation:
    numbers = (
        ("Status", str(case.answer.status)),
        ("Content type", case.answer.content_type or NOT_SAID),
        ("Server", case.answer.headers.get("server", NOT_SAID)),
    )
    if case.is_foreign:
        cause = "A web page came back, and nothing in it is from Azure Machine Learning. A proxy may have answered."
        steps = (
            "Open the raw body: it usually names who answered, such as a sign-in page or a firewall.",
            "Check the proxy settings of the machine that runs Sluice (HTTPS_PROXY, NO_PROXY).",
        )
    else:
        cause = f"{case.place.subject} answered with a web page where JSON was expected."
        steps = (
            "Open the raw body: an error page of a framework in the container names the error.",
            "Let the scoring script answer JSON, with the content type application/json.",
        )
    return Explanation("A web page instead of JSON", cause, numbers, next_steps=steps)


def _service(case: Case) -> Explanation:
    place, status = case.place, case.answer.status
    numbers = (
        ("Status", str(status)),
        ("Deployment", place.name or NOT_KNOWN),
        ("Azure's words", case.words or NOT_SAID),
    )
    if status == 502:
        cause = "Whoever stands before the container got no usable answer: the script crashed or closed the connection."
        steps = ("Read the log below for a crash.", _AGAIN)
        return Explanation("The container broke off", cause, numbers, next_steps=steps)
    if status == 503:
        cause = "No instance is ready to answer, or a spike came faster than instances could start."
        steps = ("Look at the instances and the log.", "Send again later, or keep more instances running.")
        return Explanation("No instance is ready", cause, numbers, next_steps=steps)
    if status == 504:
        cause = "Whoever stands before the container waited too long for its answer."
        steps = ("Make the model faster, or raise request_timeout_ms.", _AGAIN)
        return Explanation("No answer in time", cause, (*numbers, place.timeout_number()), next_steps=steps)
    cause = "Azure Machine Learning itself failed, not the model: failures of the model come as 424."
    return Explanation("Azure failed", cause, numbers, next_steps=(_AGAIN, "Look at Azure's status page."))


def _other(case: Case) -> Explanation:
    answer = case.answer
    numbers = (("Status", str(answer.status)), ("Azure's words", case.words or NOT_SAID))
    cause = meaning_of(answer.status, answer.headers)
    steps = ("Open the raw body for what the answer says.", "Check the headers that were added to the request.")
    return Explanation(f"Refused with status {answer.status}", cause, numbers, next_steps=steps)


_CARDS: Mapping[int, Callable[[Case], Explanation]] = {
    401: _unauthorized,
    403: _forbidden,
    404: _nobody,
    408: model_timeout,
    413: _too_large,
    424: _model_failed,
    429: _too_many,
}
