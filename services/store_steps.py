"""The steps that bring an older file of :mod:`services.store` up to date: SQL, so that what is published stays."""

from __future__ import annotations

_APPEND_ONLY = "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
_FIRST = (
    (
        "CREATE TABLE events (sequence INTEGER PRIMARY KEY AUTOINCREMENT, entry_id TEXT NOT NULL, kind TEXT NOT NULL, "
        "at TEXT NOT NULL, cloud TEXT NOT NULL, endpoint_id TEXT NOT NULL, known TEXT, body TEXT NOT NULL)"
    ),
    "CREATE INDEX events_by_entry ON events (entry_id)",
    "CREATE INDEX events_by_endpoint ON events (cloud, endpoint_id, sequence)",
    f"CREATE TRIGGER events_stay BEFORE UPDATE ON events {_APPEND_ONLY}",
    f"CREATE TRIGGER events_are_kept BEFORE DELETE ON events {_APPEND_ONLY}",
    (
        "CREATE TABLE leases (cloud TEXT, endpoint_id TEXT, entry_id TEXT NOT NULL, holder TEXT NOT NULL, "
        "expires_at REAL NOT NULL, PRIMARY KEY (cloud, endpoint_id))"
    ),
    (
        "CREATE TABLE tests (cloud TEXT, deployment_id TEXT, at TEXT NOT NULL, status INTEGER NOT NULL, "
        "total_ms REAL NOT NULL, model_ms REAL, PRIMARY KEY (cloud, deployment_id))"
    ),
)
_SECOND = (
    "CREATE INDEX events_by_kind ON events (cloud, kind, at)",
    "CREATE INDEX events_by_endpoint_and_kind ON events (cloud, endpoint_id, kind, sequence)",
)
_THIRD = (
    (
        "CREATE TABLE payloads (id TEXT PRIMARY KEY, cloud TEXT NOT NULL, endpoint_id TEXT NOT NULL, "
        "name TEXT NOT NULL, changed_at TEXT NOT NULL, body BLOB NOT NULL, content TEXT NOT NULL, "
        "UNIQUE (cloud, endpoint_id, name))"
    ),
    (
        "CREATE TABLE variables (cloud TEXT, endpoint_id TEXT, name TEXT, value TEXT NOT NULL, "
        "PRIMARY KEY (cloud, endpoint_id, name))"
    ),
    (
        "CREATE TABLE exchanges (id TEXT PRIMARY KEY, cloud TEXT NOT NULL, endpoint_id TEXT NOT NULL, "
        "at TEXT NOT NULL, status INTEGER, deployment TEXT, total_ms REAL, request_body BLOB, answer_body BLOB, "
        "content TEXT NOT NULL)"
    ),
    "CREATE INDEX exchanges_by_endpoint ON exchanges (cloud, endpoint_id, at)",
    (
        "CREATE TABLE results (id TEXT PRIMARY KEY, cloud TEXT NOT NULL, endpoint_id TEXT NOT NULL, "
        "kind TEXT NOT NULL, at TEXT NOT NULL, content TEXT NOT NULL)"
    ),
    "CREATE INDEX results_by_endpoint ON results (cloud, endpoint_id, kind, at)",
    "CREATE TABLE choices (person TEXT, name TEXT, value TEXT NOT NULL, PRIMARY KEY (person, name))",
)
_FOURTH = (
    (
        "CREATE TABLE limits (cloud TEXT, endpoint_id TEXT, metric TEXT, value REAL NOT NULL, "
        "PRIMARY KEY (cloud, endpoint_id, metric))"
    ),
)
_FIFTH = (
    (
        "CREATE TABLE visibility (cloud TEXT, endpoint_id TEXT, source TEXT, at TEXT NOT NULL, content TEXT NOT NULL, "
        "PRIMARY KEY (cloud, endpoint_id, source))"
    ),
)
_SIXTH = (
    (
        "CREATE TABLE queries (cloud TEXT, endpoint_id TEXT, name TEXT, kql TEXT NOT NULL, changed_at TEXT NOT NULL, "
        "PRIMARY KEY (cloud, endpoint_id, name))"
    ),
)
_SEVENTH = (
    (
        "CREATE TABLE shadow_runs (id TEXT PRIMARY KEY, cloud TEXT NOT NULL, endpoint_id TEXT NOT NULL, "
        "started_at TEXT NOT NULL, state TEXT NOT NULL, content TEXT NOT NULL, frozen TEXT)"
    ),
    "CREATE UNIQUE INDEX one_shadow_run ON shadow_runs (cloud, endpoint_id) WHERE state = 'running'",
    "CREATE INDEX shadow_runs_by_endpoint ON shadow_runs (cloud, endpoint_id, started_at)",
    (
        "CREATE TABLE shadow_minutes (run_id TEXT, at TEXT, live_requests INTEGER NOT NULL, "
        "live_errors INTEGER NOT NULL, candidate_requests INTEGER NOT NULL, candidate_errors INTEGER NOT NULL, "
        "live_rows INTEGER NOT NULL, latencies BLOB NOT NULL, PRIMARY KEY (run_id, at)) WITHOUT ROWID"
    ),
    (
        "CREATE TABLE shadow_answers (sequence INTEGER PRIMARY KEY, run_id TEXT NOT NULL, compared INTEGER NOT NULL, "
        "different INTEGER NOT NULL, content TEXT NOT NULL)"
    ),
    "CREATE INDEX shadow_answers_by_run ON shadow_answers (run_id, sequence)",
    (
        "CREATE TABLE shadow_criteria (cloud TEXT, endpoint_id TEXT, content TEXT NOT NULL, "
        "PRIMARY KEY (cloud, endpoint_id))"
    ),
)
_EIGHTH = ("ALTER TABLE shadow_minutes ADD COLUMN used TEXT",)
_NINTH = (
    (
        "CREATE TABLE jobs (id TEXT PRIMARY KEY, cloud TEXT NOT NULL, workspace TEXT NOT NULL, endpoint TEXT NOT NULL, "
        "began_at TEXT NOT NULL, state TEXT NOT NULL, holder TEXT NOT NULL, expires_at REAL NOT NULL, "
        "content TEXT NOT NULL)"
    ),
    "CREATE INDEX jobs_by_workspace ON jobs (cloud, workspace, began_at)",
)
_TENTH = (
    (
        "CREATE TABLE prices (cloud TEXT, instance_type TEXT, region TEXT, per_hour TEXT NOT NULL, "
        "currency TEXT NOT NULL, PRIMARY KEY (cloud, instance_type, region))"
    ),
)
_ELEVENTH = (
    "ALTER TABLE jobs ADD COLUMN evidence TEXT",
    ("UPDATE jobs SET evidence = json_extract(content, '$.evidence'), content = json_remove(content, '$.evidence')"),
)
STEPS = (_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH, _SIXTH, _SEVENTH, _EIGHTH, _NINTH, _TENTH, _ELEVENTH)
"""Statements that lead from one version of the file to the next. A published step never changes; new ones follow."""
