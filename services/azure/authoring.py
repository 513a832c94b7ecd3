"""``python -m services.azure.authoring``: azure-ai-ml applies documents, in a process of its own.

It is Microsoft's own reading, uploading and registering, so that what comes out is what ``az ml … -f`` makes. A process
of its own, because azure-ai-ml changes the process that it runs in, prints, leaves 140,000 objects in memory, and an
upload inside of it can only be stopped together with it. It ends when its standard input does.

In: one line of JSON per document. Out: one line of JSON per thing that happened. Before the request that changes the
endpoint or deployment it asks (``ready``) and waits for ``go``. Once Azure has answered that request, it is done with
the document: whoever has started it follows Azure's operation.
"""

from __future__ import annotations

import io
import json
import os
import queue
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

from azure.core.exceptions import AzureError
from azure.core.pipeline.transport import RequestsTransport

from services.azure.connection import Connection, connect
from services.azure.deployments import RESTART_VARIABLE, read_deployment
from services.azure.translation import Call, clean, reason, request_id_of, translate
from services.azure.written import kept_of
from services.errors import RuleBroken, SluiceError
from services.model import WorkspaceRef
from services.settings import Settings

Sdk: TypeAlias = Any
"""A value of Microsoft's packages, which hide their types."""
ROLE = "AzureML Data Scientist"
STORAGE_ROLE = "Storage Blob Data Contributor"
_ASSETS = {"codes": "code", "models": "model", "environments": "environment", "data": "data"}


class Done(Exception):
    """Azure has answered the request that the document is about; its operation is followed elsewhere."""


class Gate:
    """Lines in and out. ``tell`` may be called by any thread."""

    def __init__(self, output: io.TextIOBase) -> None:
        self._output = output
        self._lock = threading.Lock()
        self.lines: queue.Queue[dict[str, Any]] = queue.Queue()

    def listen(self) -> None:
        """Read lines until there are no more: then nobody is there, and nothing may go on."""
        for line in sys.stdin:
            self.lines.put(json.loads(line))
        os._exit(3)

    def tell(self, event: str, **values: object) -> None:
        """One line."""
        with self._lock:
            self._output.write(json.dumps({"event": event, **values}) + "\n")
            self._output.flush()


class Observer:
    """Sees every request that azure-ai-ml and its storage client send, by ``send``. ``target`` is the path that is
    changed by what is applied now."""

    def __init__(self, gate: Gate, send: Callable[..., Any]) -> None:
        self._gate = gate
        self._send = send
        self._lock = threading.Lock()
        self._operations: set[str] = set()
        self.begin("")

    def begin(self, target: str) -> None:
        """Look at the next document."""
        self.target = unquote(target).lower()
        self.is_accepted = self.is_storage_refused = False
        self._sent = 0

    def send(self, transport: Sdk, request: Sdk, **options: Sdk) -> Sdk:
        """Send one request, and tell what it was. Raises Done instead of asking how far an operation is."""
        path, method = _path(request.url), request.method
        if path in self._operations:
            raise Done
        is_target = method == "PUT" and path == self.target
        is_storage = "x-ms-version" in request.headers
        if is_target:
            self._gate.tell("ready", **_told_of(request))
            self._gate.lines.get()
        elif is_storage and method == "PUT" and _length(request):
            self._gate.tell("uploading")
        response = self._send(transport, request, **options)
        if is_target:
            self._accept(response)
        elif is_storage:
            self._storage(request, response)
        elif method == "PUT":
            self._asset(path, response)
        return response

    def _accept(self, response: Sdk) -> None:
        if response.status_code < 400:
            self.is_accepted = True
            headers = response.headers
            operation = headers.get("Azure-AsyncOperation") or ""
            self._operations.add(_path(operation))
            self._gate.tell("accepted", operation=operation, request_id=request_id_of(headers) or "")

    def _storage(self, request: Sdk, response: Sdk) -> None:
        if response.status_code == 403:
            self.is_storage_refused = True
        if request.method == "PUT" and response.status_code < 300:
            with self._lock:
                self._sent += _length(request)
                self._gate.tell("sent", bytes=self._sent)

    def _asset(self, path: str, response: Sdk) -> None:
        parts = path.split("/")
        kind = next((_ASSETS[part] for part in parts if part in _ASSETS), "")
        if kind and "versions" in parts and response.status_code < 300:
            name, version = parts[parts.index("versions") - 1], parts[-1]
            self._gate.tell("registered", kind=kind, name=name, version=version)


def main() -> None:
    """Apply one document after the other until there are no more."""
    # What azure-ai-ml prints, and the bars that it draws, are for nobody here.
    output = io.TextIOWrapper(os.fdopen(os.dup(1), "wb"), encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    warnings.simplefilter("ignore")
    gate = Gate(output)
    threading.Thread(target=gate.listen, name="input", daemon=True).start()
    settings = Settings.model_validate(gate.lines.get())
    conn = connect(settings)
    observer = Observer(gate, RequestsTransport.send)

    def send(transport: Sdk, request: Sdk, **options: Sdk) -> Sdk:
        return observer.send(transport, request, **options)

    # The storage client makes a transport of its own, which nobody can hand to it.
    RequestsTransport.send = send
    while True:
        order = gate.lines.get()
        _apply(conn.at(WorkspaceRef.parse(order["workspace"])), order, gate, observer)


def _apply(conn: Connection, order: Mapping[str, Any], gate: Gate, observer: Observer) -> None:
    observer.begin(order["path"])
    try:
        _begin(conn, order, gate)
    except Exception as error:
        # azure-ai-ml raises whatever its parts raise; all of it is told in words. After Azure's yes it is no news.
        if not observer.is_accepted:
            _tell_failure(error, conn.call(order["what"], ROLE), observer, gate)
            return
    gate.tell("done")


def _begin(conn: Connection, order: Mapping[str, Any], gate: Gate) -> None:
    from azure.ai.ml import load_online_deployment, load_online_endpoint

    client = conn.ml_client()
    source: Any = io.StringIO(order["text"]) if order["text"] else order["file"]
    more: dict[str, Any] = {"relative_origin": order["file"], "params_override": order["overrides"]}
    if order["kind"] == "endpoint":
        client.online_endpoints.begin_create_or_update(load_online_endpoint(source, **more))
        return
    deployment = load_online_deployment(source, **more)
    gate.tell("files", bytes=_size_of(deployment))
    _keep_restart(conn, deployment)
    client.online_deployments.begin_create_or_update(deployment)


def _keep_restart(conn: Connection, deployment: Sdk) -> None:
    """Carry over the variable of a restart: a file cannot know it, and without it the instances would be replaced."""
    try:
        held = read_deployment(conn, deployment.endpoint_name, deployment.name).raw
    except SluiceError:
        # It is not there yet. Anything else the request that changes it will say.
        return
    variables = (held.get("properties") or {}).get("environmentVariables") or {}
    if RESTART_VARIABLE in variables:
        kept = {RESTART_VARIABLE: variables[RESTART_VARIABLE]}
        deployment.environment_variables = kept | (deployment.environment_variables or {})


def _size_of(deployment: Sdk) -> int:
    """Bytes of the local files that may have to be uploaded."""
    code = getattr(deployment.code_configuration, "code", None)
    paths = [code, getattr(deployment.model, "path", None)]
    base = str(getattr(deployment, "base_path", "") or "")
    return sum(_bytes_below(os.path.join(base, str(path))) for path in paths if path)


def _bytes_below(path: str) -> int:
    if os.path.isfile(path):
        return os.path.getsize(path)
    found = (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
    return sum(os.path.getsize(each) for each in found if os.path.isfile(each))


def _told_of(request: Sdk) -> dict[str, Any]:
    """What is told of the document that is about to be sent: the split in it, and what tells later whether Azure holds
    it. No other value of it leaves this process."""
    try:
        document = json.loads(request.content or request.body)
        properties = document["properties"]
        split = {"live": properties.get("traffic") or {}, "mirror": properties.get("mirrorTraffic") or {}}
        return {**split, "wanted": kept_of(document, os.urandom(16))}
    except (AttributeError, KeyError, TypeError, ValueError):
        return {"live": {}, "mirror": {}, "wanted": None}


def _path(url: str) -> str:
    return unquote(urlsplit(url).path).lower()


def _length(request: Sdk) -> int:
    if "comp=metadata" in request.url or "comp=blocklist" in request.url:
        return 0
    return int(request.headers.get("Content-Length") or 0)


def _tell_failure(error: Exception, call: Call, observer: Observer, gate: Gate) -> None:
    if isinstance(error, SluiceError):
        told, code, message = error, "", error.why
    elif isinstance(error, AzureError):
        # azure-ai-ml wraps what the services say; the one with an answer says more.
        cause = next((each for each in _chain(error) if getattr(each, "response", None) is not None), error)
        role = STORAGE_ROLE if observer.is_storage_refused else ROLE
        told = translate(cause, Call(call.what, role, call.address, call.is_local, call.tenant_id))
        code, message = reason(_text(cause)) if getattr(cause, "response", None) is not None else ("", told.why)
    else:
        message = clean(str(error)) or type(error).__name__
        told, code = RuleBroken(call.what, f"azure-ai-ml refused it: {message}.", "Correct it and try again."), ""
    texts = (told.what, told.why, told.next_step)
    number, kind = told.request_id or "", type(told).__name__
    gate.tell("failed", error=kind, texts=texts, request_id=number, code=code, message=message)


def _chain(error: BaseException | None) -> list[Exception]:
    found: list[Exception] = []
    while error is not None and error not in found:
        if isinstance(error, Exception):
            found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _text(error: Sdk) -> str:
    try:
        return str(error.response.text())
    except (AzureError, ValueError, UnicodeDecodeError, TypeError):
        return ""


if __name__ == "__main__":
    main()
