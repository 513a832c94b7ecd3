"""The form for a new deployment that is like another one: green from blue."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from services.azure import deployments as azure_deployments
from services.azure.deployments import Registered
from services.errors import SluiceError
from services.model import Deployment, Endpoint
from services.operating.bodies import clone_text
from services.operating.change import Clone
from services.operating.fields import MOST_INSTANCES
from ui import context, readers, scope
from ui.behind import Behind
from ui.operate import question
from ui.operate.deployment_forms import REVIEW

ASSET_SECONDS = 60.0
_KEPT = 600.0
_PREPARED = "operate_prepared"


@st.cache_resource(show_spinner=False)
def _assets() -> Behind[tuple[Registered, ...]]:
    return Behind()


def show(endpoint: Endpoint, deployment: Deployment, can: bool) -> None:
    """Draw the form. What is left as it is comes from the source."""
    turn = f"{deployment.id}:{question.turn()}"
    st.html(
        f'<p class="lead">A new deployment like {escape(deployment.name)}: same settings, probes and variables. Choose '
        "what is different. It gets no traffic before you give it some.</p>"
    )
    with st.form("operate_clone", border=False):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input("Name", key=f"clone_name:{turn}", placeholder="a new name", max_chars=32, width=220)
            st.text_input(
                "Instance type", key=f"clone_size:{turn}", placeholder=deployment.instance_type or "not said", width=220
            )
            st.number_input(
                "Instances", 1, MOST_INSTANCES, max(1, deployment.instance_count), key=f"clone_count:{turn}", width=160
            )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            _reference("Model", "models", deployment.model, endpoint, f"clone_model:{turn}")
            _reference("Environment", "environments", deployment.environment, endpoint, f"clone_environment:{turn}")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input("Code", key=f"clone_code:{turn}", placeholder=f"that of {deployment.name}", width=320)
            st.text_input("Scoring script", key=f"clone_script:{turn}", placeholder=_script(deployment), width=320)
        st.caption(
            "Models, environments and code are registered ones: name:version, name@latest, or an id. Press Enter to "
            "take one that is not in the list. For a model or code of your own, take its YAML to the Deploy page."
        )
        with st.container(horizontal=True):
            st.form_submit_button(
                REVIEW,
                key="review_clone",
                type="primary",
                disabled=not can,
                on_click=lambda: question.review(endpoint, _clone(deployment, turn)),
            )
            # In the form: the name that was typed is sent with it.
            st.form_submit_button(
                "Prepare it for new files",
                key="clone_files",
                icon=":material/upload_file:",
                on_click=_take_along,
                args=(deployment, turn),
            )
    _go_on(endpoint, deployment)


def _go_on(endpoint: Endpoint, deployment: Deployment) -> None:
    prepared: tuple[str, str, str] | None = st.session_state.get(_PREPARED)
    if prepared is not None and prepared[0] == deployment.id:
        # A link and not a jump: an address that holds the view cannot be left by st.switch_page.
        st.page_link(
            context.ROOT / "pages" / "deploy.py",
            label=f"Go on with {prepared[2]} on the Deploy page",
            icon=":material/arrow_forward:",
            query_params={**scope.link(endpoint.workspace_ref, endpoint.name), "draft": prepared[1]},
        )


def _take_along(deployment: Deployment, turn: str) -> None:
    # The services behind a draft are loaded by the Deploy page, and not by every page with a link.
    from ui.deploy import draft

    question.dismiss()
    name = str(st.session_state.get(f"clone_name:{turn}") or "").strip().lower()
    draft.forget()
    name = name or f"{deployment.name}-2"
    made = draft.new(text=clone_text(deployment, name))
    # The draft is the Deploy page's; this page's address stays as it is.
    st.query_params.pop(draft.PARAMETER, None)
    st.session_state[_PREPARED] = (deployment.id, made.id, name)


def _reference(label: str, kind: str, now: str, endpoint: Endpoint, key: str) -> None:
    conn, generation, workspace = readers.key(endpoint.workspace_ref)
    look = _assets().look(
        (generation, workspace, kind),
        lambda: azure_deployments.list_assets(conn, kind),
        max_age_seconds=ASSET_SECONDS,
        keep_seconds=_KEPT,
    )
    deployments = readers.deployments(endpoint)
    labels = {each.reference: asset_words(each, deployments) for each in look.value or ()}
    st.selectbox(
        label,
        list(labels),
        index=None,
        format_func=lambda each: labels.get(each, each),
        key=key,
        placeholder=f"as now: {now}" if now else "as now: none",
        accept_new_options=True,
        help=_why(look.problem),
        width=320,
    )


def asset_words(asset: Registered, deployments: Sequence[Deployment]) -> str:
    """A registered asset in a list. One without a name is told by its date and by who uses it. Pure."""
    if not asset.is_unnamed:
        return asset.reference
    made = f", {asset.created_at:%Y-%m-%d %H:%M} UTC" if asset.created_at else ""
    users = [each.name for each in deployments if asset.is_in(_assets_of(each))]
    return f"uploaded {asset.name[:7]}{made}{', of ' + ', '.join(users) if users else ''}"


def _assets_of(deployment: Deployment) -> str:
    properties = deployment.raw.get("properties") or {}
    return f"{properties.get('model')} {properties.get('environmentId')}"


def _why(error: SluiceError | None) -> str | None:
    return None if error is None else f"The registered ones could not be listed: {error.why}"


def _script(deployment: Deployment) -> str:
    code = (deployment.raw.get("properties") or {}).get("codeConfiguration") or {}
    return str(code.get("scoringScript") or "none")


def _clone(deployment: Deployment, turn: str) -> Clone:
    def typed(name: str) -> str:
        return str(st.session_state.get(f"clone_{name}:{turn}") or "").strip()

    return Clone(
        deployment.name,
        typed("name").lower(),
        model=typed("model"),
        code=typed("code"),
        scoring_script=typed("script"),
        environment=typed("environment"),
        instance_type=typed("size"),
        instances=int(st.session_state.get(f"clone_count:{turn}") or 0),
    )
