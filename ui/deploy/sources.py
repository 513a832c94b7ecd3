"""Where the files of a deploy come from: typed, sent by the browser, a folder of this machine, or the starter kit."""

from __future__ import annotations

import io
from collections.abc import Callable
from html import escape
from pathlib import Path

import streamlit as st

from services.deploying import bundles, schema, starter
from services.deploying.inbox import PATH
from services.deploying.model import Bundle, Place
from ui import context, readers, scope
from ui.components.file_drop import file_drop, read_removed
from ui.deploy import assets_form, choices, draft, file_editor, typed
from ui.deploy.draft import Draft

FILES, KIT, ASSETS, FOLDER = "YAML and files", "Starter kit", "Registered assets", "Folder on this machine"
_WAY, _TEXT, _DROP = "deploy_way", "deploy_text", "deploy_files"
_KIT_NAME, _KIT_MODEL, _PATH, _NO_NAME = "kit_name", "kit_model", "deploy_folder", "kit_has_no_name"
_LABEL = "YAML of an endpoint, of deployments, or of both"
_EXAMPLE = """$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: my-endpoint
auth_mode: key
---
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: blue
endpoint_name: my-endpoint
model: azureml:my-model:1
…"""


def show(made: Draft) -> None:
    """Draw the choice of where files come from, and its form."""
    st.session_state[_WAY] = _way(made)
    st.segmented_control(
        "Where the files come from",
        _ways(),
        key=_WAY,
        required=True,
        wrap=True,
        label_visibility="collapsed",
        on_change=_choose_way,
        args=(made,),
    )
    if st.session_state[_WAY] == KIT:
        _kit(made)
    elif st.session_state[_WAY] == ASSETS:
        assets_form.show(made, FILES)
    elif st.session_state[_WAY] == FOLDER:
        _folder(made)
    else:
        _files(made)


def _ways() -> list[str]:
    return [FILES, KIT, ASSETS, *([FOLDER] if context.settings().deploy_root else [])]


def _way(made: Draft) -> str:
    return made.way if made.way in _ways() else FILES


def _choose_way(made: Draft) -> None:
    made.way = st.session_state[_WAY]


def _files(made: Draft) -> None:
    sent = draft.inbox().files(made.box)
    _text(made, height=17.5 if made.text or not sent else 7)
    file_drop(
        "Files",
        "YAML, code, model, conda file: drop files, a folder or a zip here. They stay on the machine that Sluice runs "
        "on until you apply.",
        f"{PATH}/{made.box}",
        [(each.name, each.size) for each in sent],
        key=_DROP,
        on_change=lambda: None,
        on_remove=lambda: _remove(made),
    )
    st.button(
        "Check",
        key="check_files",
        type="primary",
        icon=":material/fact_check:",
        on_click=_check_form,
        args=(made,),
        disabled=_is_reading(made),
        help="Reads the files and compares them with the workspace. Nothing is changed.",
    )


def _text(made: Draft, height: float) -> None:
    st.html(f'<p class="label">{_LABEL}</p>')
    found = made.prepared
    is_read = found is not None and made.read_form is not None
    typed.editor(
        _LABEL,
        made.text,
        key=_TEXT,
        session=made.id,
        keep=_keep_text(made),
        mark=file_editor.mark(found, bundles.PASTED, is_changed=made.is_form_changed)
        if found and is_read
        else typed.Mark(),
        placeholder=_EXAMPLE,
        height=height,
    )
    st.html(
        '<p class="hint">What <code>az ml online-endpoint create -f</code> and <code>az ml online-deployment create '
        "-f</code> take. A line with <code>---</code> divides several documents.</p>"
    )


def _keep_text(made: Draft) -> Callable[[str], None]:
    def keep(said: str) -> None:
        made.text = said

    return keep


def take(made: Draft) -> None:
    """Take over what was typed last, also when the browser has told it together with a press. For callbacks."""
    if _way(made) == FILES:
        typed.take(_TEXT, _keep_text(made))


def can_open(made: Draft, place: Place) -> bool:
    """Whether a place is in the text that is typed here. Pure."""
    return place.file == bundles.PASTED and made.read_form is not None


def open_at(made: Draft, place: Place) -> None:
    """Show a line of the typed text. For callbacks."""
    made.way = FILES
    file_editor.ask(place)


def is_other(made: Draft) -> bool:
    """Whether the typed text or the sent files are in sight, and what was read comes from elsewhere."""
    sent = draft.inbox().files(made.box)
    return made.read_form is None and _way(made) == FILES and bool(made.text.strip() or sent)


def _remove(made: Draft) -> None:
    for name in read_removed(_DROP):
        draft.inbox().remove(made.box, name)


def _check_form(made: Draft) -> None:
    take(made)
    draft.read_form(made, readers.key(scope.workspace())[0])


def _kit(made: Draft) -> None:
    st.html(
        '<p class="lead">Seven files: the YAML of an endpoint and of a deployment, a scoring script with '
        "<code>init()</code> and <code>run()</code>, a conda file, a file that stands for the model, a sample request "
        "and a README. The quick start begins with these; change them to what your model needs.</p>"
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Name of the endpoint", placeholder="my-endpoint", width=260, **choices.control(made, _KIT_NAME))
        st.toggle(
            "With a model file",
            **choices.control(made, _KIT_MODEL, default=False),
            help="There is no model yet? Leave this off: any file will do as one, and the script answers without it.",
        )
    name = str(st.session_state.get(_KIT_NAME) or "").strip()
    with_model = bool(st.session_state.get(_KIT_MODEL))
    wrong = schema.name_problem(name) if name else None
    with st.container(horizontal=True):
        st.button(
            "Use it here",
            key="use_kit",
            type="primary",
            on_click=_use_kit,
            args=(made,),
            disabled=_is_reading(made),
        )
        st.download_button(
            "Download as zip",
            data=lambda: starter.kit(name, with_model),
            file_name=f"{name or 'starter'}.zip",
            mime="application/zip",
            icon=":material/download:",
            on_click="ignore",
            disabled=not name or wrong is not None,
            key="download_kit",
        )
    if wrong is not None:
        st.html(f'<p class="notice" role="alert">{escape(name)} cannot be the name of an endpoint. {wrong[1]}</p>')
    elif not name and st.session_state.get(_NO_NAME):
        st.html('<p class="notice" role="alert">Give the endpoint a name first.</p>')
    if made.edits and made.read_form is None:
        st.html('<p class="hint">Use it here makes all files anew: what you have changed in them is not kept then.</p>')


def _use_kit(made: Draft) -> None:
    name, with_model = str(st.session_state[_KIT_NAME]).strip(), bool(st.session_state.get(_KIT_MODEL))
    # The button is not disabled for that: a name that is just being typed counts from this press on.
    st.session_state[_NO_NAME] = not name
    if not name or schema.name_problem(name) is not None:
        return

    def make(folder: Path) -> Bundle:
        return bundles.from_uploads([("starter.zip", io.BytesIO(starter.kit(name, with_model)))], folder)

    _read(made, make)


def _folder(made: Draft) -> None:
    root = context.settings().deploy_root
    st.text_input(
        "Folder",
        placeholder="house/deploy",
        help=f"Below {root}, links resolved.",
        **choices.control(made, _PATH),
    )
    st.html(
        f'<p class="hint">Below <code>{escape(str(root))}</code>. The files are read where they lie, and again when '
        "they are applied.</p>"
    )
    st.button(
        "Check",
        key="check_folder",
        type="primary",
        icon=":material/fact_check:",
        on_click=_check_folder,
        args=(made,),
        disabled=_is_reading(made),
    )


def _check_folder(made: Draft) -> None:
    path, root = str(st.session_state.get(_PATH) or "").strip(), context.settings().deploy_root
    _read(made, lambda _folder: bundles.from_folder(path, root))


def _is_reading(made: Draft) -> bool:
    return made.work is not None and not made.work.done.is_set()


def _read(made: Draft, make: Callable[[Path], Bundle]) -> None:
    draft.read(made, readers.key(scope.workspace())[0], make)
