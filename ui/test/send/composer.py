"""Where a request is written: target, body, options, and the button that sends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

import streamlit as st

from services.azure.connection import Permissions
from services.errors import SluiceError
from services.model import Deployment, Endpoint
from services.payloads.samples import sample_for
from services.scoring.bearer import BearerState, bearer_state
from services.scoring.json_check import check_json, says_json
from ui import context, problem, readers, words
from ui.components import text_editor
from ui.labels import plain
from ui.test.answer import code_view
from ui.test.send import body_tools, draft, options_view, sending, shape_notice, target_view
from ui.test.send.draft import Draft
from ui.turns import Turns


@dataclass(frozen=True)
class Check:
    """What is said about a body. ``line`` counts from 1, 0 for the whole; None when it can be sent."""

    line: int | None
    words: str


def first(endpoint: Endpoint) -> Draft:
    """The draft to begin with: the sample kept beside the endpoint's definition, or an empty object."""
    folder = context.settings().samples_dir
    sample = sample_for(endpoint.name, folder if folder.is_absolute() else context.ROOT / folder)
    return Draft(body=sample or "{}", is_new=True)


@st.fragment
def show(endpoint: Endpoint, deployments: Sequence[Deployment], permissions: Permissions, turns: Turns) -> None:
    """Draw the request and send it when asked to; the page is drawn again then."""
    is_by_itself = turns.is_by_itself()
    made = draft.of(endpoint)
    if made is None:
        return
    target_view.choose(endpoint, [each.name for each in deployments], made)
    body_tools.show(endpoint, deployments, made)
    place = st.container()
    wrong = options_view.show(endpoint, made)
    checked = Check(None, "") if made.file is not None else check(made.body, made.content_type)
    with place:
        _body(endpoint, made, checked)
    why_not = _why_not(endpoint, deployments, permissions) or wrong
    is_asked = _send_row(endpoint, deployments, made, why_not, is_off=bool(why_not) or checked.line is not None)
    if is_asked and _send(endpoint, deployments, made) and is_by_itself:
        st.rerun()
    code = st.expander("Code", key="code_of_draft", on_change="rerun")
    if code.open:
        with code:
            code_view.show(endpoint, deployments, sending.requests_of(made)[0], "draft")


def check(body: str, content_type: str) -> Check:
    """What is to be said about a body in the editor. Pure.

    Only a body that is sent as JSON has to be JSON, and a ``{{variable}}`` may stand where any value may.
    """
    size = words.count(len(body.encode()), "byte")
    if not says_json(content_type):
        return Check(None, size)
    if not body.strip():
        return Check(0, "The body is empty. Type JSON, begin from a template, or choose another content type.")
    found = check_json(draft.without_places(body))
    if found is None:
        return Check(None, f"JSON, {size}")
    return Check(found.line, f"Not JSON in line {found.line}, column {found.column}: {found.message}")


def auth_words(endpoint: Endpoint, state: BearerState | None, now: datetime) -> str:
    """How a request signs in, and how long that lasts. Pure."""
    if endpoint.auth_mode == "key":
        return "Signs in with the endpoint's key."
    kind = "Microsoft Entra token" if endpoint.auth_mode == "aad_token" else "token"
    if state is None:
        return f"Signs in with a {kind}, fetched when you send."
    if state.expires_at is None:
        return f"Signs in with a {kind}."
    return f"Signs in with a {kind} that expires in {_span((state.expires_at - now).total_seconds())}."


def _span(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes} min" if 1 <= minutes < 60 else words.elapsed(seconds)


def _body(endpoint: Endpoint, made: Draft, checked: Check) -> None:
    if made.file is not None:
        body_tools.held_file(endpoint, made)
        return
    key = f"editor:{endpoint.name}"
    text_editor.text_editor(
        "Payload, JSON" if made.is_json else "Payload",
        made.body,
        key=key,
        place=f"sluice:body:{endpoint.id}",
        session=draft.session(),
        revision=made.revision,
        is_new=made.is_new,
        options=draft.kept(made),
        problem_line=checked.line,
        words=checked.words,
        on_text=lambda: _take(endpoint, key, "text"),
        on_send=lambda: _take(endpoint, key, "send"),
    )


def _take(endpoint: Endpoint, key: str, name: str) -> None:
    """Take over what the browser says, unless it speaks of a draft that is gone."""
    said, made = text_editor.read(st.session_state.get(key), name), draft.of(endpoint)
    if said is None or made is None or (said.session, said.revision) != (draft.session(), made.revision):
        return
    if said.options is None:
        made.body = said.text
    else:
        draft.put(endpoint, draft.again(made, said.text, said.options))
        target_view.forget(endpoint)
    if name == "send":
        _ask(endpoint)


def _why_not(endpoint: Endpoint, deployments: Sequence[Deployment], permissions: Permissions) -> str:
    if not deployments:
        return "This endpoint has no deployment that could answer."
    if endpoint.auth_mode != "aad_token" and not permissions.can_score:
        return "Your role may not read this endpoint's key, so nothing can be sent."
    return "" if endpoint.scoring_uri else "This endpoint has no scoring URI yet."


def _send_row(
    endpoint: Endpoint, deployments: Sequence[Deployment], made: Draft, why_not: str, *, is_off: bool
) -> bool:
    """Draw the button. True when something is to be sent now."""
    # A press is kept until the page comes to it: a run that another click has broken off has not sent anything.
    with st.container(horizontal=True, vertical_alignment="center", key="send_row"):
        st.button(
            "Send",
            key="send",
            type="primary",
            icon=":material/send:",
            shortcut="Ctrl+Enter",
            disabled=is_off,
            on_click=_ask,
            args=(endpoint,),
        )
        conn, _, _ = readers.key(endpoint.workspace_ref)
        said = auth_words(endpoint, bearer_state(conn, endpoint), datetime.now(UTC))
        st.caption(plain(why_not or said), width="content")
    notice = _notice(endpoint, made) or shape_notice.words(endpoint, deployments, made)
    if notice and not is_off:
        st.html(f'<p class="note">{escape(notice)}</p>')
    return bool(st.session_state.pop(_asked(endpoint), False)) and not is_off


def _notice(endpoint: Endpoint, made: Draft) -> str:
    """What is likely to go wrong, though nothing forbids to send."""
    if made.file is not None and made.is_json and made.file_problem:
        return f"{made.file_problem} Its content type says that it is JSON."
    if not endpoint.split.live and draft.SPLIT in made.targets:
        return "No deployment has live traffic: what goes through the split is answered by 404."
    if not endpoint.public_network_access:
        return "Public network access is off: this only works from within the endpoint's private network."
    return ""


def _ask(endpoint: Endpoint) -> None:
    st.session_state[_asked(endpoint)] = True


def _asked(endpoint: Endpoint) -> str:
    return f"send_asked:{endpoint.id}"


def _send(endpoint: Endpoint, deployments: Sequence[Deployment], made: Draft) -> bool:
    try:
        return sending.begin(endpoint, deployments, made)
    except SluiceError as error:
        problem.show(error, key="begin_sending")
        return False
