"""The blob calls that the SDK makes, path-style: /{account}.blob.{suffix}/{container}/{blob}.

Content-MD5 is never answered: azure-storage-blob compares it with the MD5 of that very request's body, and fails where
the two cannot agree.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable
from email.utils import formatdate
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from emulator.resources import STORAGE_ACCOUNT, STORAGE_SUFFIX
from emulator.storage.blobs import Blob, BlobError, BlobStore
from emulator.storage.signatures import VERSION, allows

_BLOCK_LIST_BYTES = 8 << 20


def storage_routes(store: BlobStore, key: str, now: Callable[[], float]) -> list[Route]:
    """The routes of the storage account. `key` signs the access signatures; `now` is epoch seconds."""
    service = _Service(store, key, now)
    base = f"/{STORAGE_ACCOUNT}.blob.{STORAGE_SUFFIX}/" + "{container}"
    every = ["GET", "HEAD", "PUT", "POST", "DELETE"]
    return [
        Route(base, service.container, methods=every),
        Route(base + "/{name:path}", service.blob, methods=every),
    ]


class _Service:
    def __init__(self, store: BlobStore, key: str, now: Callable[[], float]) -> None:
        self._store = store
        self._key = key
        self._now = now

    async def container(self, request: Request) -> Response:
        """Calls on a container: creating it, which is never needed, and listing it."""
        name, query = request.path_params["container"], request.query_params
        try:
            if request.method == "PUT" and query.get("restype") == "container":
                self._check(request, name, "cw")
                raise BlobError(409, "ContainerAlreadyExists", "The specified container already exists.")
            if request.method == "GET" and query.get("comp") == "list":
                self._check(request, name, "l")
                return self._list(name, query.get("prefix", ""))
            raise _not_emulated(request)
        except BlobError as error:
            return _error(request, error)

    async def blob(self, request: Request) -> Response:
        """Calls on a blob."""
        container, name = request.path_params["container"], request.path_params["name"]
        component = request.query_params.get("comp", "")
        try:
            if request.method in ("GET", "HEAD") and component in ("", "metadata"):
                self._check(request, container, "r")
                return self._read(request, container, name)
            if request.method == "PUT" and component in ("", "block", "blocklist", "metadata"):
                self._check(request, container, "cw")
                self._store.locate(container, name)
                return await self._write(request, container, name, component)
            raise _not_emulated(request)
        except BlobError as error:
            return _error(request, error)

    def _check(self, request: Request, container: str, permission: str) -> None:
        if not allows(self._key, request.query_params, container, permission, self._now()):
            raise BlobError(
                403,
                "AuthenticationFailed",
                "Server failed to authenticate the request. The signature is wrong, out of date, or not for this.",
            )

    def _list(self, container: str, prefix: str) -> Response:
        entries = "".join(_entry(name, blob) for name, blob in self._store.listing(container, prefix))
        body = (
            f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="{escape(container)}">'
            f"<Blobs>{entries}</Blobs><NextMarker/></EnumerationResults>"
        )
        return Response(body, media_type="application/xml", headers=_headers())

    def _read(self, request: Request, container: str, name: str) -> Response:
        found = self._store.find(container, name)
        if found is None:
            raise BlobError(404, "BlobNotFound", "The specified blob does not exist.")
        headers = _headers(found) | {f"x-ms-meta-{key}": value for key, value in found.metadata.items()}
        headers["x-ms-blob-type"] = "BlockBlob"
        if request.query_params.get("comp") == "metadata":
            return Response(headers=headers)
        if request.method == "HEAD":
            return Response(
                headers={**headers, "Content-Length": str(found.length), "Content-Type": "application/octet-stream"}
            )
        wanted = request.headers.get("x-ms-range")
        if wanted is not None:
            # Azure's own spelling of Range, which FileResponse reads from the request.
            request.scope["headers"] = [*request.scope["headers"], (b"range", wanted.encode())]
        return FileResponse(found.path, headers=headers, media_type="application/octet-stream")

    async def _write(self, request: Request, container: str, name: str, component: str) -> Response:
        metadata = {key[10:]: value for key, value in request.headers.items() if key.startswith("x-ms-meta-")}
        if component == "metadata":
            return Response(headers=_headers(self._store.set_metadata(container, name, metadata, self._now())))
        if component != "block" and request.headers.get("if-none-match") == "*":
            self._refuse_existing(container, name)
        if component == "blocklist":
            blocks = _block_ids(await _small_body(request))
            draft = await asyncio.to_thread(self._store.join_blocks, container, name, blocks)
        else:
            if component == "" and request.headers.get("x-ms-blob-type", "").lower() != "blockblob":
                raise BlobError(400, "InvalidHeaderValue", "The local Azure stores block blobs only.")
            draft, digest = await self._store.receive(request.stream())
            if (
                request.headers.get("content-md5", base64.b64encode(digest).decode())
                != base64.b64encode(digest).decode()
            ):
                draft.unlink()
                raise BlobError(400, "Md5Mismatch", "The MD5 value in the request did not match what arrived.")
        if component == "block":
            try:
                self._store.keep_block(container, name, request.query_params.get("blockid", ""), draft)
            except BlobError:
                draft.unlink()
                raise
            return Response(status_code=201, headers=_headers())
        if request.headers.get("if-none-match") == "*":
            # Asked again: another upload of the same name may have ended while this one was arriving.
            try:
                self._refuse_existing(container, name)
            except BlobError:
                draft.unlink()
                raise
        return Response(
            status_code=201, headers=_headers(self._store.commit(container, name, draft, metadata, self._now()))
        )

    def _refuse_existing(self, container: str, name: str) -> None:
        if self._store.find(container, name) is not None:
            raise BlobError(409, "BlobAlreadyExists", "The specified blob already exists.")


async def _small_body(request: Request) -> str:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BLOCK_LIST_BYTES:
            raise BlobError(413, "RequestBodyTooLarge", "The block list is too long.")
    return body.decode(errors="replace")


def _block_ids(text: str) -> list[str]:
    """The ids of a block list. The list is flat, so that no XML parser has to trust it."""
    return [found.strip() for found in re.findall(r"<(?:Latest|Uncommitted|Committed)>([^<]+)</", text)]


def _entry(name: str, blob: Blob) -> str:
    properties = (
        f"<Last-Modified>{formatdate(blob.modified, usegmt=True)}</Last-Modified><Etag>{escape(blob.etag)}</Etag>"
        f"<Content-Length>{blob.length}</Content-Length><BlobType>BlockBlob</BlobType>"
    )
    return f"<Blob><Name>{escape(name)}</Name><Properties>{properties}</Properties></Blob>"


def _headers(blob: Blob | None = None) -> dict[str, str]:
    found = {"x-ms-version": VERSION, "x-ms-request-server-encrypted": "true"}
    if blob is not None:
        found |= {"ETag": blob.etag, "Last-Modified": formatdate(blob.modified, usegmt=True)}
    return found


def _not_emulated(request: Request) -> BlobError:
    component = request.query_params.get("comp") or request.query_params.get("restype") or "blob"
    return BlobError(501, "NotImplemented", f"The local Azure does not emulate {request.method} {component}.")


def _error(request: Request, error: BlobError) -> Response:
    body = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>"
    )
    headers = {**_headers(), "x-ms-error-code": error.code}
    content = None if request.method == "HEAD" else body
    return Response(content, error.status, media_type="application/xml", headers=headers)
