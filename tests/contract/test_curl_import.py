"""What is imported from a curl command is what curl itself would have sent."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from services.payloads.from_curl import from_curl
from services.scoring.request import OWN_HEADERS

pytestmark = pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="needs curl and bash")

COMMANDS = [
    """curl URL -H 'Content-Type: application/json' -d '{"data": [1, "it'"'"'s"]}'""",
    """curl URL -H "Content-Type: application/json" -d "{\\"a\\": \\"\\\\n \\$5\\"}" """,
    r"""curl 'URL' -H 'content-type: text/plain' --data-raw $'don\'t \u00e9 \U0001f600 \x41\n\t\\ "'""",
    """curl -sSXPOST URL -HContent-Type:text/csv -d1,2 -d 3""",
    """curl URL --json '{"a":' --json ' 1}' -H 'X-Two: b;c' -H 'X-None:' -H 'X-Empty;'""",
    """curl URL \\\n  --data-raw '@no file' \\\n  -H 'Content-Type: a/b' -A me --max-time 5""",
    """curl URL --json '["\\\\\n"]' -H "X-A: \\\n b\\`c" -H 'X-B: \\$'""",
    """curl -d 'a=1' --data b=2 -H 'Accept: */*' --url URL""",
    """curl -H 'content-type: application/json' URL -d '
  [1,
   2]' """,
]


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    seen: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen.append((headers, self.rfile.read(int(headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    made = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}/score", seen
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.mark.parametrize("command", COMMANDS)
def test_body_and_headers_are_those_that_curl_sends(
    server: tuple[str, list[tuple[dict[str, str], bytes]]], command: str
) -> None:
    url, seen = server
    written = command.replace("URL", url)
    subprocess.run(["bash", "-c", written], check=True, capture_output=True, timeout=60, env={"LC_ALL": "C.UTF-8"})
    headers, body = seen[-1]

    found = from_curl(written, url)

    assert found.problems == ()
    (payload,) = found.payloads
    assert (payload.body, payload.content_type) == (body, headers["content-type"])
    own = {name: value for name, value in headers.items() if name not in OWN_HEADERS}
    imported = {name.lower(): value for name, value in payload.headers}
    # What curl adds by itself is not a part of the command.
    assert imported == {name: value for name, value in own.items() if name in imported}
    assert set(own) - set(imported) <= {"user-agent", "accept"}
