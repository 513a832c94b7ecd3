"""Files that were read and checked: what is in them, what speaks against them, what they change, and what to do."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import escape

import streamlit as st

from services.deploying.model import Bundle, Level, Place
from services.errors import SluiceError
from ui import problem, readers, scope, words
from ui.deploy import (
    changes_view,
    draft,
    file_editor,
    findings_view,
    question,
    sources,
    trial_view,
    wishes,
)
from ui.deploy.draft import Draft, Prepared, Work
from ui.turns import Turns

POLL_SECONDS = 0.4
PATIENCE = timedelta(seconds=3)
"""How long the result of before stays: an Azure that answers has answered by then, and the page changes once."""
_MOST_NAMED = 4


def show(made: Draft) -> None:
    """Draw what became of the files of a draft, or how far their reading is.

    While they are checked anew, what stood there stays where it is: a page that shrinks and grows moves what somebody
    reads, and what they are about to press.
    """
    work = made.work
    if work is None:
        return
    if work.done.is_set():
        if work.problem is not None:
            problem.show(work.problem, key="deploy_files")
        elif work.prepared is not None:
            _prepared(made, work.prepared)
        return
    shown = standing(work, datetime.now(UTC))
    if shown is None:
        _progress(work, None)
    else:
        _prepared(made, shown, work)


def standing(work: Work, now: datetime) -> Prepared | None:
    """What stands on the page while ``work`` goes on, None when there is nothing yet. Pure.

    What stood there before, until Azure takes long to answer; then what is known of the files without it.
    """
    if work.early is None or (work.before is not None and now - work.early.made_at < PATIENCE):
        return work.before
    return work.early


def _progress(work: Work, shown: Prepared | None) -> None:
    """How far it is, in the line that says the result afterwards."""
    st.fragment(run_every=POLL_SECONDS)(_waiting)(work, shown, Turns())


def _waiting(work: Work, shown: Prepared | None, turns: Turns) -> None:
    is_by_itself = turns.is_by_itself()
    if is_by_itself and (work.done.is_set() or standing(work, datetime.now(UTC)) is not shown):
        st.rerun()
    if shown is None:
        st.html(f'<p class="working" role="status"><b>{escape(work.stage)}.</b> Nothing is changed by this.</p>')
        return
    said, doing = escape(findings_view.summary(shown.findings)), escape(doing_words(work, shown))
    st.html(f'<p class="label" role="status">Checks: {said} <span class="working">{doing}</span></p>')


def doing_words(work: Work, shown: Prepared) -> str:
    """What a check that goes on is at, beside the findings that are ``shown`` meanwhile. Pure."""
    if shown is work.before:
        return f"at {shown.made_at.astimezone(UTC):%H:%M:%S} UTC, being checked anew"
    asked = f"{', '.join(shown.asked[:_MOST_NAMED])}{' …' if len(shown.asked) > _MOST_NAMED else ''}"
    return f"so far. Azure is still asked: {asked}" if asked else "so far"


def _prepared(made: Draft, prepared: Prepared, work: Work | None = None) -> None:
    """``work`` is the check that goes on meanwhile: then nothing can be pressed that depends on its result."""
    bundle = prepared.bundle
    st.header("What is in the files", anchor=False)
    st.html(f'<p class="hint">{escape(contents(bundle))}</p>')
    if work is None:
        wishes.look(made, prepared)
        checked = f"{prepared.made_at.astimezone(UTC):%H:%M:%S} UTC"
        said = escape(findings_view.summary(prepared.findings))
        st.html(f'<p class="label">Checks: {said} <span class="at">at {checked}</span></p>')
    else:
        _progress(work, prepared)

    def open_at(place: Place) -> tuple[Callable[..., None], tuple[Draft, Place]] | None:
        if file_editor.can_open(prepared, place):
            return file_editor.open_at, (made, place)
        return (sources.open_at, (made, place)) if sources.can_open(made, place) else None

    if prepared.findings or not prepared.asked:
        # That nothing speaks against it is known when nothing is asked any more.
        findings_view.show(bundle, prepared.findings, open_at)
    file_editor.show(made, prepared)
    # What nobody could apply changes nothing.
    if prepared.changes and prepared.can_apply:
        st.header("What will change", anchor=False)
        changes_view.show(prepared)
    if prepared.can_apply:
        trial_view.show(made, prepared, is_off=work is not None)
    _act(made, prepared, is_off=work is not None)


def contents(bundle: Bundle) -> str:
    """What a bundle holds, in a sentence. Pure."""
    described = ", ".join(f"{changes_view.title(each)} ({each.file})" for each in bundle.documents)
    if not described:
        refused = [each.what for each in bundle.findings if each.level is Level.ERROR and not bundle.files]
        described = " ".join(refused).removesuffix(".") or "Nothing that describes an endpoint or a deployment"
    return f"{words.count(len(bundle.files), 'file')}. {described}."


def _act(made: Draft, prepared: Prepared, *, is_off: bool) -> None:
    off, unread = why_off(made, prepared), unread_words(made)
    for said in (off, "" if off else unread):
        if said:
            st.html(f'<p class="notice" role="note">{escape(said)}</p>')
    is_doubtful = bool(wishes.serious(prepared.findings))
    question.show_refusal(prepared)
    with st.container(horizontal=True, key="deploy_actions"):
        st.button(
            "Apply anyway …" if is_doubtful and not off and not unread else "Apply …",
            key="apply_files",
            type="primary",
            icon=":material/rocket_launch:",
            disabled=bool(off) or is_off,
            on_click=_ask,
            args=(made, prepared),
            help="Checks once more, says what will happen, and asks.",
        )
        st.button(
            "Check again",
            key="check_again",
            icon=":material/refresh:",
            on_click=_check_again,
            args=(made,),
            disabled=is_off,
            help="Reads what was changed, and asks Azure again.",
        )
        st.button("Start over", key="start_over", icon=":material/close:", on_click=draft.forget)
    if not is_off:
        question.show()


def unread_words(made: Draft) -> str:
    """What was changed since the check, "" when nothing was."""
    form = ["the YAML or the files further up"] if made.is_form_changed else []
    changed = [*form, *made.unread()]
    if not changed:
        return ""
    return f"Changed since the check: {', '.join(changed)}. It is read and checked before anything is applied or tried."


def why_off(made: Draft, prepared: Prepared) -> str:
    """Why these files cannot be applied, "" when they can."""
    if sources.is_other(made):
        return (
            "The YAML and the files further up are not in these files, which come from elsewhere. Press Check to read "
            "them in their place, or choose where these come from."
        )
    if not unread_words(made):
        if not prepared.bundle.documents:
            return nothing_to_apply(prepared.bundle)
        if not prepared.can_apply:
            return "There are errors in the files themselves. Mend them first."
    if not prepared.workspace.is_same(scope.workspace()):
        return f"These files were checked against {prepared.workspace.name}. Check them again for this workspace."
    try:
        standing = readers.standing()
    except SluiceError:
        return ""
    if not standing.permissions.can_change_traffic:
        return "You may read this workspace and not write to it. The role AzureML Data Scientist allows it."
    return ""


def nothing_to_apply(bundle: Bundle) -> str:
    """Why there is nothing to apply in files that describe nothing. Pure."""
    refused = [each.place.file for each in bundle.findings if each.level is Level.ERROR and each.place.file]
    missing = [name for name in dict.fromkeys(refused) if name not in bundle.files]
    if missing:
        were = "was" if len(missing) == 1 else "were"
        return f"There is nothing to apply: {', '.join(missing)} {were} not taken. Send another one in its place."
    if any(each.level is Level.ERROR for each in bundle.findings):
        return "There is nothing to apply yet: the files could not be read. Mend them first."
    return "There is nothing to apply: no file describes an endpoint or a deployment."


def _ask(made: Draft, prepared: Prepared) -> None:
    """Check anew, then ask: what is on the page may be old, or have been changed since."""
    _check_again(made)
    wishes.begin(made, prepared.findings, lambda found: question.begin(question.Question(found, uuid.uuid4().hex)))


def _check_again(made: Draft) -> None:
    sources.take(made)
    file_editor.take(made)
    draft.check_again(made, readers.key(scope.workspace())[0])
