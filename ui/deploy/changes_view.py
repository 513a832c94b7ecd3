"""What applying the files makes and changes: one part for each document, field by field."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from services.deploying.capacity import Offer
from services.deploying.changes import Change, ChangeKind, Changes
from services.deploying.model import Document, Kind
from services.errors import SluiceError
from services.quota.prices import Price
from ui import context
from ui.deploy.creation import Row, rows
from ui.deploy.draft import Prepared

_WORDS = {
    ChangeKind.ADDED: "added",
    ChangeKind.CHANGED: "changed",
    ChangeKind.DROPPED: "lost: the file does not say it",
    ChangeKind.UPLOADED: "uploaded again",
}


def title(document: Document) -> str:
    """What a document describes: ``Deployment green of house``. Pure."""
    if document.kind is Kind.ENDPOINT:
        return f"Endpoint {document.name or 'without a name'}"
    return f"Deployment {document.name or 'without a name'} of {document.endpoint or 'no endpoint'}"


def show(prepared: Prepared) -> None:
    """Draw what happens to each resource, in the order in which it happens."""
    try:
        prices = context.prices().all()
    except SluiceError:
        prices = ()
    st.html(listed(prepared.changes, prepared.offer, prices))


def listed(changes: Sequence[Changes], offer: Offer, prices: Sequence[Price]) -> str:
    """:func:`show` as HTML. Pure."""
    items = "".join(_item(each, () if each.exists else rows(each.document, offer, prices)) for each in changes)
    return f'<ol class="deploy-changes">{items}</ol>'


def sentence(changes: Changes) -> str:
    """What happens to one resource, in a sentence. Pure."""
    document = changes.document
    if not changes.exists:
        if document.kind is Kind.ENDPOINT:
            return "It is made. It answers nothing until a deployment has traffic."
        return "It is made. It gets no live traffic by itself."
    if not changes.changes:
        return "It is there already, and this file changes nothing."
    restarts = " Running instances are replaced." if changes.restarts else ""
    lost = f" {len(changes.dropped)} of them because the file does not say it." if changes.dropped else ""
    count = len(changes.changes)
    changed = "1 field changes" if count == 1 else f"{count} fields change"
    return f"It is there already. {changed}.{lost}{restarts}"


def _item(changes: Changes, made: Sequence[Row]) -> str:
    mark = "change" if changes.exists else "new"
    busy = ""
    if changes.exists and changes.state.lower() not in ("", "succeeded", "failed", "canceled"):
        busy = f"<p>Azure says {escape(changes.state)} of it now, and refuses changes until that has ended.</p>"
    changed = "".join(_row(each) for each in changes.changes)
    fields = (
        '<div class="scrolled" tabindex="0"><table><thead><tr><th>Field</th><th>Now</th><th>After</th><th></th></tr>'
        f"</thead><tbody>{changed}</tbody></table></div>"
        if changed
        else _made(made)
    )
    return (
        f'<li class="{mark}"><b>{escape(title(changes.document))}</b> <span class="at">'
        f"{escape(changes.document.file)}</span><p>{escape(sentence(changes))}</p>{busy}{fields}</li>"
    )


def _made(made: Sequence[Row]) -> str:
    found = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in made)
    return f'<div class="scrolled" tabindex="0"><table><tbody>{found}</tbody></table></div>' if found else ""


def _row(change: Change) -> str:
    restarts = ", restarts" if change.restarts else ""
    return (
        f'<tr class="{change.kind.value}"><th scope="row">{escape(change.label)}</th>'
        f"<td>{escape(change.before) or _nothing()}</td><td>{escape(change.after) or _nothing()}</td>"
        f"<td>{_WORDS[change.kind]}{restarts}</td></tr>"
    )


def _nothing() -> str:
    return '<span class="at">not said</span>'
