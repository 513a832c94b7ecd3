"""Scoring scripts: what the inference server would refuse is found without running anything."""

from __future__ import annotations

import pytest

from services.deploying import scripts
from services.deploying.imported import needed

INIT = "def init():\n    pass\n\n\n"
GOOD = {
    "the plain one": INIT + "def run(raw_data):\n    return raw_data\n",
    "with headers": INIT + "def run(data, request_headers):\n    return data\n",
    "headers by keyword": INIT + "def run(data, *, request_headers):\n    return data\n",
    "with defaults": "def init(path='x'):\n    pass\ndef run(data=None):\n    return data\n",
    "more arguments with defaults": INIT + "def run(data, top=3):\n    return data\n",
    "decorated": INIT + "@input_schema('a', x)\n@input_schema('b', y)\ndef run(a, b):\n    return a\n",
    "imported": "from serving import init, run\n",
    "imported under another name": "from serving import start as init\nimport serving.run as run\n",
    "assigned": "model = Model()\ninit = model.load\nrun: object = model.predict\n",
    "everything imported": "from serving import *\n",
    "below a switch": "if FAST:\n    def init(): ...\n    def run(d): ...\nelse:\n    from slow import init, run\n",
    "below try": "try:\n    from a import init\nexcept ImportError:\n    def init(): ...\ndef run(data): ...\n",
    "two of them, the last one counts": INIT + "def run():\n    ...\ndef run(data):\n    ...\n",
    "latin-1 that says so": ("# -*- coding: latin-1 -*-\n" + INIT + "def run(data):\n    return 'é'\n"),
}
BAD = {
    "no init": ("def run(data):\n    return data\n", "script-no-init", 0),
    "no run": (INIT, "script-no-run", 0),
    "run in a class": (INIT + "class Model:\n    def run(self, data): ...\n", "script-no-run", 6),
    "run inside init": ("def init():\n    def run(data): ...\n", "script-no-run", 2),
    "run without arguments": (INIT + "def run():\n    return 1\n", "script-run-arguments", 5),
    "headers alone": (INIT + "def run(request_headers):\n    return 1\n", "script-run-arguments", 5),
    "any arguments": (INIT + "def run(*args):\n    return 1\n", "script-run-arguments", 5),
    "any keywords": (INIT + "def run(data, **more):\n    return 1\n", "script-run-arguments", 5),
    "by position alone": (INIT + "def run(data, /):\n    return 1\n", "script-run-arguments", 5),
    "two that are needed": (INIT + "def run(data, context):\n    return 1\n", "script-run-arguments", 5),
    "init wants something": ("def init(path):\n    ...\ndef run(data): ...\n", "script-init-arguments", 1),
    "asynchronous": (INIT + "async def run(data):\n    return 1\n", "script-async", 5),
    "a missing colon": (INIT + "def run(data)\n    return 1\n", "script-syntax", 5),
    "wrong indentation": (INIT + "def run(data):\nreturn 1\n", "script-syntax", 6),
    "return outside": (INIT + "def run(data):\n    ...\nreturn 1\n", "script-syntax", 7),
    "Python 2": (INIT + "def run(data):\n    print data\n", "script-syntax", 6),
    "nothing": ("", "script-no-init", 0),
    "too deep": ("x = " + "(" * 5000 + "1" + ")" * 5000, "script-syntax", 1),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_script_that_the_server_takes_is_left_alone(name: str) -> None:
    encoding = "latin-1" if "latin-1" in name else "utf-8"
    assert scripts.look_at(GOOD[name].encode(encoding), "score.py").findings == ()


@pytest.mark.parametrize("name", BAD)
def test_a_script_that_the_server_refuses_is_named_with_its_line(name: str) -> None:
    source, code, line = BAD[name]
    found = scripts.look_at(source.encode(), "src/score.py").findings
    assert (found[0].code, found[0].place.line) == (code, line)
    assert found[0].place.file == "src/score.py"


def test_a_script_of_another_encoding_is_named() -> None:
    source = GOOD["the plain one"]
    [wide] = scripts.look_at(source.encode("utf-16"), "score.py").findings
    assert "UTF-16" in wide.why
    [bare] = scripts.look_at(source.replace("pass", "'é'").encode("latin-1"), "score.py").findings
    assert bare.code == "script-syntax"


def test_nothing_of_a_script_is_executed() -> None:
    source = b"raise SystemExit('executed')\ndef init(): ...\ndef run(data): ...\n"
    assert scripts.look_at(source, "score.py").findings == ()


def test_a_huge_script_is_not_read() -> None:
    [found] = scripts.look_at(b"#" * (scripts.MAX_BYTES + 1), "score.py").findings
    assert found.code == "script-large"


def test_imports_are_those_that_happen_for_sure() -> None:
    source = b"""
import os, json, numpy as np
from sklearn.linear_model import LogisticRegression
from . import helper
try:
    import torch
except ImportError:
    torch = None
def init():
    import joblib
def run(data):
    return data
def unused():
    import never
"""
    found = scripts.look_at(source, "score.py")
    assert tuple(needed(found.imports)) == (("numpy", 2), ("sklearn", 3), ("joblib", 10))
