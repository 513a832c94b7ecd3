"""The script's own error, found in logs as Microsoft's inference server writes them."""

from __future__ import annotations

import pytest

from services.tracebacks import newest_error

SERVER = "/venv/lib/python3.11/site-packages/azureml_inference_server_http/server"
LOG = f"""2026-01-01 10:00:00,000 I [7] azmlinfsrv - POST /score 200 1.2ms 9
2026-01-01 10:00:01,000 E [7] azmlinfsrv - Encountered Exception: Traceback (most recent call last):
  File "/var/azureml-app/code/score.py", line 9, in run
    raise KeyError("old")
KeyError: 'old'
2026-01-01 10:00:02,000 E [7] azmlinfsrv - Encountered Exception: Traceback (most recent call last):
  File "{SERVER}/user_script.py", line 132, in invoke_run
    run_output = self._wrapped_user_run(**run_parameters)
                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/var/azureml-app/code/score.py", line 12, in run
    pixels = read(raw_data)
             ^^^^^^^^^^^^^^
  File "/var/azureml-app/code/reading.py", line 3, in read
    return json.loads(text)
           ^^^^^^^^^^^^^^^^
  File "/usr/lib/python3.11/json/decoder.py", line 353, in raw_decode
    obj, end = self.scan_once(s, idx)
               ^^^^^^^^^^^^^^^^^^^^^^
json.decoder.JSONDecodeError: Expecting ',' delimiter: line 1 column 13 (char 12)

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "{SERVER}/user_script.py", line 139, in invoke_run
    raise UserScriptException(ex) from ex
azureml_inference_server_http.server.user_script.UserScriptException: Caught an unhandled exception

2026-01-01 10:00:02,001 I [7] azmlinfsrv - POST /score 500 3.8ms 92
"""


def test_the_newest_failure_is_shown_with_the_scripts_own_frames() -> None:
    assert newest_error(LOG) == "\n".join(
        [
            'File "code/score.py", line 12, in run',
            "  pixels = read(raw_data)",
            'File "code/reading.py", line 3, in read',
            "  return json.loads(text)",
            "json.decoder.JSONDecodeError: Expecting ',' delimiter: line 1 column 13 (char 12)",
        ]
    )


def test_a_failure_outside_of_the_code_folder_shows_its_last_frame() -> None:
    frames = '  File "/a.py", line 1, in f\n    x\n  File "/b.py", line 2, in g'
    log = f"Traceback (most recent call last):\n{frames}\nError: no"

    assert newest_error(log) == 'File "/b.py", line 2, in g\nError: no'


@pytest.mark.parametrize(
    "log",
    [
        "",
        "all is well",
        "Traceback (most recent call last):",
        'Traceback (most recent call last):\n  File "/cut.py", line 1, in f',
        "Traceback (most recent call last):\nx.UserScriptException: wrapped",
    ],
)
def test_a_log_without_a_whole_failure_has_none(log: str) -> None:
    assert newest_error(log) is None
