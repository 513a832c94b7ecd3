"""The blob calls that clients of one storage account make, path-style: /{account}.blob.{suffix}/{container}/{blob}.

Uploads never answer Content-MD5: azure-storage-blob compares it with the MD5 of that very request's body, and fails
where the two cannot agree.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from emulator.identity.tokens import Tokens
from emulator.resources import STORAGE_ACCOUNT, STORAGE_SUFFIX
from emulator.storage import reading, writing
from emulator.storage.admission import Admission
from emulator.storage.answers import container_list, error_answer, headers_of, xml_answer
from emulator.storage.blobs import BlobStore
from emulator.storage.blocks import KEPT_SECONDS
from emulator.storage.conditions import check_conditions
from emulator.storage.errors import BlobError

_EVERY = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"]
_SWEEP_SECONDS = 3600.0
# Metadata names are C# identifiers, as Azure wants them; SDKs also send dashes, which Azure takes in HTTP.
_METADATA_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,255}")


def storage_routes(store: BlobStore, key: str, tokens: Tokens, now: Callable[[], float]) -> list[Route]:
    """The routes of the storage account. `key` signs the access signatures; `now` is epoch seconds."""
    service = _Service(store, Admission(key, tokens, now), now)
    base = f"/{STORAGE_ACCOUNT}.blob.{STORAGE_SUFFIX}"
    return [
        Route(base, _answered(service.account), methods=_EVERY),
        Route(base + "/", _answered(service.account), methods=_EVERY),
        Route(base + "/{container}", _answered(service.container), methods=_EVERY),
        Route(base + "/{container}/{name:path}", _answered(service.blob), methods=_EVERY),
    ]


class _Service:
    def __init__(self, store: BlobStore, admission: Admission, now: Callable[[], float]) -> None:
        self._store = store
        self._admission = admission
        self._now = now
        self._swept = time.time()

    async def account(self, request: Request) -> Response:
        """Calls on the account: listing its containers."""
        if request.method == "GET" and request.query_params.get("comp") == "list":
            self._admission.check(request, "", "l")
            names = await asyncio.to_thread(self._store.containers)
            prefix = request.query_params.get("prefix", "")
            return xml_answer(container_list([each for each in names if each.startswith(prefix)]), headers_of())
        raise _not_emulated(request)

    async def container(self, request: Request) -> Response:
        """Calls on a container: asking for it, creating it, which is never needed, and listing it."""
        name, query = request.path_params["container"], request.query_params
        if query.get("comp") == "list" and request.method == "GET":
            self._admission.check(request, name, "l")
            return await reading.listed(self._store, name, query)
        if query.get("restype") == "container" and "comp" not in query:
            if request.method == "PUT":
                self._admission.check(request, name, "cw")
                raise BlobError(409, "ContainerAlreadyExists", "The specified container already exists.")
            if request.method in ("GET", "HEAD"):
                self._admission.check_token(request)
                return Response(headers={**headers_of(), "ETag": '"0x1"', "x-ms-lease-state": "available"})
        raise _not_emulated(request)

    async def blob(self, request: Request) -> Response:
        """Calls on a blob."""
        container, name = request.path_params["container"], request.path_params["name"]
        component = request.query_params.get("comp", "")
        if request.method in ("GET", "HEAD") and component in ("", "metadata", "blocklist"):
            self._admission.check(request, container, "r")
            if component == "blocklist":
                return await reading.blocks(self._store, container, name, request.query_params)
            return await reading.blob(self._store, request, container, name)
        if request.method == "PUT" and component in ("", "block", "blocklist", "metadata"):
            if "x-ms-copy-source" in request.headers:
                raise _not_emulated(request, "copying a blob")
            self._admission.check(request, container, "cw")
            self._store.locate(container, name)
            await self._sweep()
            return await self._write(request, container, name, component)
        if request.method == "DELETE" and not component:
            self._admission.check(request, container, "d")
            headers = request.headers
            await asyncio.to_thread(
                self._store.delete, container, name, lambda row: check_conditions(headers, row, is_read=False)
            )
            return Response(status_code=202, headers={**headers_of(), "x-ms-delete-type-permanent": "true"})
        raise _not_emulated(request)

    async def _write(self, request: Request, container: str, name: str, component: str) -> Response:
        metadata = {key[10:]: value for key, value in request.headers.items() if key.startswith("x-ms-meta-")}
        if not all(_METADATA_NAME.fullmatch(key) for key in metadata):
            raise BlobError(
                400, "InvalidMetadata", "The metadata specified is invalid. It has characters not permitted."
            )
        upload = writing.Upload(self._store, request, container, name, metadata, self._now())
        if component == "metadata":
            return await upload.describe()
        if component == "block":
            return await upload.block()
        return await (upload.block_list() if component == "blocklist" else upload.whole())

    async def _sweep(self) -> None:
        """Now and then, forget blocks that no list will ever name."""
        present = time.time()
        if present - self._swept >= _SWEEP_SECONDS:
            self._swept = present
            await asyncio.to_thread(self._store.forget_blocks, present - KEPT_SECONDS)


def _answered(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except BlobError as error:
            return error_answer(request.method, error)

    return answered


def _not_emulated(request: Request, what: str = "") -> BlobError:
    component = request.query_params.get("comp") or request.query_params.get("restype") or "blob"
    named = what or f"{request.method} {component}"
    return BlobError(501, "NotImplemented", f"The local Azure does not emulate {named}.")
