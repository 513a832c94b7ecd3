"""The views of a page. One is drawn at a time; which one stands in the URL."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from services.model import Deployment, Endpoint

_PARAMETER = "view"


@dataclass(frozen=True)
class Views:
    """The views of the page ``name``, in the order of its switch; the first one is shown when nothing is asked for.

    Each is a module with ``show(endpoint, deployments)``, loaded when it is looked at first.
    """

    name: str
    modules: Mapping[str, str]

    def choose(self, view: str) -> None:
        """Show ``view`` from the next drawing on. For callbacks, such as one that puts a request into another view."""
        st.session_state[self._key] = view
        st.query_params[_PARAMETER] = view.lower()

    def show(self, endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
        """Draw the switch between the views, and the chosen one."""
        asked = st.query_params.get(_PARAMETER, "").capitalize()
        chosen = asked if asked in self.modules else next(iter(self.modules))
        st.session_state[self._key] = chosen
        st.segmented_control(
            "View",
            list(self.modules),
            key=self._key,
            required=True,
            label_visibility="collapsed",
            on_change=lambda: self.choose(st.session_state[self._key]),
        )
        importlib.import_module(self.modules[chosen]).show(endpoint, deployments)

    @property
    def _key(self) -> str:
        return f"{self.name}_view"
