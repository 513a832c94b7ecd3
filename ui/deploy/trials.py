"""The trials of this process: apart from the page that draws them, so that what sweeps files can ask for theirs."""

from __future__ import annotations

import streamlit as st

from services.trial.trial import Trials
from ui import context

_FOLDER = "trial"


@st.cache_resource(show_spinner=False)
def trials() -> Trials:
    """The trials of this process. Its end is theirs: they stop when nobody listens to them any more."""
    folder = context.settings().data_dir
    return Trials((folder if folder.is_absolute() else context.ROOT / folder) / _FOLDER)
