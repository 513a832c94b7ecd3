"""What the deployment of the samples of the local Azure is doing, while it is doing it."""

from __future__ import annotations

from html import escape

import streamlit as st

from services.errors import SluiceError
from ui import context, problem, readers

_SECONDS = 1.5
_SHOWN = "sample_progress"


def show_progress() -> None:
    """Say what the deployment of the samples is doing, or why it has failed."""
    if not are_coming():
        return
    failure = context.local_azure().samples_failure()
    if failure is not None:
        problem.show(failure, key="samples")
    else:
        _progress()


def are_coming() -> bool:
    """Whether :func:`show_progress` has something to say."""
    if not _is_local():
        return False
    local = context.local_azure()
    return local.samples_failure() is not None or bool(sample_work(local.progress()))


def sample_work(line: str) -> str:
    """What the deployment of the samples is busy with, from the newest line it wrote; "" when it is not."""
    said = line.partition("]")[2].strip() if line.startswith("[") else line
    return "" if said.startswith(("sending", "done")) else said


def _is_local() -> bool:
    try:
        return readers.standing().is_local
    except SluiceError:
        return False


@st.fragment(run_every=_SECONDS)
def _progress() -> None:
    line = sample_work(context.local_azure().progress())
    if line != st.session_state.get(_SHOWN, line):
        st.session_state[_SHOWN] = line
        if line:
            # Every step of the deployment can have added something to the list.
            readers.forget_resources()
        else:
            readers.forget()
        st.rerun()
    st.session_state[_SHOWN] = line
    if line:
        step = escape(line[:1].upper() + line[1:])
        st.html(f'<p class="working" role="status"><b>The samples are being deployed.</b> {step}</p>')
