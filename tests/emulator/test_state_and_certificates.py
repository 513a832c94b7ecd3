"""Files of the state folder: who may read them, what survives, and what the certificates are good for."""

from __future__ import annotations

import shlex
import ssl
import stat
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from emulator import certificates, environment
from emulator.documents import Documents
from emulator.errors import StartError
from emulator.resources import Addresses, Place
from emulator.settings import Settings, SettingsStore
from emulator.state import Secrets, StateFolder

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLACE = Place("sub", "group", "space", "westeurope")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFolder]:
    folder = StateFolder(tmp_path / "it's here" / "state")
    folder.open()
    yield folder
    folder.close()


def variables(state: StateFolder, caller: Mapping[str, str] | None = None) -> dict[str, str]:
    return environment.variables(PLACE, Addresses(1, 2, 3), state, Secrets.fresh(), caller or {})


def test_folder_and_secrets_are_for_their_owner_only(state: StateFolder) -> None:
    state.secrets()
    certificates.ensure(state.tls, NOW)
    assert stat.S_IMODE(state.root.stat().st_mode) == 0o700
    for path in (state.root / "secrets.json", state.tls / "server.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_clients_made_is_removed_and_who_they_are_is_kept(state: StateFolder) -> None:
    before = state.secrets()
    certificates.ensure(state.tls, NOW)
    for name in ("control.db", "telemetry.db-wal", "blobs/container/blob", "deployments/a/b/log", "environments/kept"):
        path = state.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    state.clear()
    left = {str(path.relative_to(state.root)) for path in state.root.rglob("*") if path.is_file()}
    assert left == {
        *("environments/kept", "secrets.json", "server.lock", "tls/ca.pem", "tls/server.key", "tls/server.pem")
    }
    assert state.secrets() == before


def test_secrets_stay_the_same(state: StateFolder) -> None:
    assert state.secrets() == state.secrets()


def test_a_second_server_is_kept_out_and_let_in_afterwards(state: StateFolder) -> None:
    second = StateFolder(state.root)
    with pytest.raises(StartError, match="in use by another local Azure"):
        second.open()
    state.close()
    second.open()
    second.close()


def test_a_state_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="cannot be written"):
        StateFolder(tmp_path / "file").open()


def test_secrets_that_cannot_be_read_are_named(state: StateFolder) -> None:
    (state.root / "secrets.json").write_text("{}")
    with pytest.raises(StartError, match=r"secrets\.json"):
        state.secrets()


def test_the_authority_vouches_for_this_machine_only_and_its_key_is_gone(state: StateFolder) -> None:
    certificates.ensure(state.tls, NOW)
    authority = x509.load_pem_x509_certificate((state.tls / "ca.pem").read_bytes())
    limits = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    assert {str(name.value) for name in limits.permitted_subtrees or ()} == {"localhost", "127.0.0.1/32", "::1/128"}
    assert {path.name for path in state.tls.iterdir()} == {"ca.pem", "server.pem", "server.key"}


def test_certificates_are_kept_until_they_run_out(state: StateFolder) -> None:
    certificates.ensure(state.tls, NOW)
    first = (state.tls / "server.pem").read_text()
    certificates.ensure(state.tls, NOW + timedelta(days=300))
    assert (state.tls / "server.pem").read_text() == first
    certificates.ensure(state.tls, NOW + timedelta(days=360))
    assert (state.tls / "server.pem").read_text() != first


def test_a_broken_certificate_is_replaced(state: StateFolder) -> None:
    (state.tls / "server.pem").write_text("nonsense")
    certificates.ensure(state.tls, NOW)
    ssl.create_default_context().load_verify_locations(state.tls / "ca.pem")


def test_the_bundle_adds_to_what_the_caller_trusts_and_does_not_grow(state: StateFolder, tmp_path: Path) -> None:
    certificates.ensure(state.tls, NOW)
    (tmp_path / "corporate.pem").write_text("# corporate\n")
    certificates.write_bundle(state.tls, {"REQUESTS_CA_BUNDLE": str(tmp_path / "corporate.pem")})
    bundle = (state.tls / "bundle.pem").read_text()
    assert bundle.startswith("# corporate")
    certificates.write_bundle(state.tls, {"REQUESTS_CA_BUNDLE": str(state.tls / "bundle.pem")})
    assert (state.tls / "bundle.pem").read_text() == bundle


def test_a_shell_reads_the_environment_back(state: StateFolder) -> None:
    environment.write(state, variables(state))
    script = f'set -a; . {shlex.quote(str(state.environment))}; printf %s "$REQUESTS_CA_BUNDLE"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == str(state.tls / "bundle.pem")
    assert "'" in done.stdout


def test_the_reader_gets_another_header(state: StateFolder) -> None:
    environment.write(state, variables(state))
    owner, reader = environment.read(state, "owner"), environment.read(state, "reader")
    assert reader["IDENTITY_HEADER"] == state.secrets().reader_header
    assert owner["IDENTITY_HEADER"] != reader["IDENTITY_HEADER"]


def test_without_a_server_the_environment_says_how_to_start_one(state: StateFolder) -> None:
    with pytest.raises(StartError, match="python -m emulator serve"):
        environment.read(state, "owner")


def test_behind_a_proxy_this_machine_is_reached_directly(state: StateFolder) -> None:
    assert "NO_PROXY" not in variables(state)
    found = variables(state, {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "intranet"})
    assert found["NO_PROXY"] == found["no_proxy"] == "intranet,localhost,127.0.0.1,::1"


def test_documents_are_found_without_case_and_written_together_or_not_at_all(tmp_path: Path) -> None:
    documents = Documents(tmp_path / "control.db")
    documents.put("model", "A/1", {"x": 1})
    assert documents.get("model", "a/1") == {"x": 1}

    def half_way() -> None:
        with documents.transaction():
            documents.put("model", "b/1", {})
            raise LookupError

    with pytest.raises(LookupError):
        half_way()
    assert [key for key, _ in documents.all("model")] == ["a/1"]
    documents.close()


def test_a_database_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "control.db").write_text("this is no database, and long enough to be taken for one" * 20)
    with pytest.raises(StartError, match=r"control\.db"):
        Documents(tmp_path / "control.db")


@pytest.mark.parametrize(
    "wanted",
    [{"speed": 1}, {"operation_seconds": -1}, {"operation_seconds": "1"}, {"shadow_in_endpoint_metrics": 1}],
)
def test_settings_refuse_what_cannot_be(wanted: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wanted))):
        Settings().changed(wanted)


def test_a_setting_that_is_no_more_is_forgotten(tmp_path: Path) -> None:
    documents = Documents(tmp_path / "control.db")
    documents.put("settings", "settings", {"cores_quota": 8, "speed": 9})
    store = SettingsStore(documents)
    assert store.current == Settings(cores_quota=8)
    documents.close()
