"""What blob calls answer: headers, lists as XML, errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email.utils import formatdate
from xml.sax.saxutils import escape, quoteattr

from starlette.responses import Response

from emulator.storage.errors import BlobError
from emulator.storage.rows import Row
from emulator.storage.signatures import VERSION

CONTENT_HEADERS = ("Content-Type", "Content-Encoding", "Content-Language", "Content-Disposition", "Cache-Control")
"""What a blob keeps of how it was sent; each arrives as x-ms-blob-… or as it is."""
_DEFAULT_TYPE = "application/octet-stream"


def headers_of(row: Row | None = None) -> dict[str, str]:
    """Headers of every answer, and of those about a blob."""
    found = {"x-ms-version": VERSION, "x-ms-request-server-encrypted": "true"}
    if row is not None:
        found |= {"ETag": row.etag, "Last-Modified": _date(row.modified)}
    return found


def read_headers(row: Row) -> dict[str, str]:
    """Headers of an answer with a blob's properties."""
    found = headers_of(row) | {f"x-ms-meta-{key}": value for key, value in row.metadata.items()}
    del found["x-ms-request-server-encrypted"]
    return {
        **found,
        "Content-Type": _DEFAULT_TYPE,
        **row.headers,
        "Accept-Ranges": "bytes",
        "x-ms-blob-type": "BlockBlob",
        "x-ms-creation-time": _date(row.created),
        "x-ms-lease-state": "available",
        "x-ms-lease-status": "unlocked",
        "x-ms-server-encrypted": "true",
    }


def content_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """What of an upload's headers the blob keeps; those that begin with x-ms-blob- count first."""
    found = {}
    for name in CONTENT_HEADERS:
        value = headers.get(f"x-ms-blob-{name.lower()}") or headers.get(name.lower())
        if value:
            found[name] = value
    return found


def blob_list(container: str, query: Mapping[str, str], entries: Sequence[tuple[str, Row | None]], marker: str) -> str:
    """A list of blobs as XML. An entry without a row is a prefix that stands for what lies below it."""
    described = "metadata" in query.get("include", "").lower().split(",")
    echoed = "".join(
        f"<{tag}>{escape(query[name])}</{tag}>"
        for name, tag in (
            ("prefix", "Prefix"),
            ("marker", "Marker"),
            ("maxresults", "MaxResults"),
            ("delimiter", "Delimiter"),
        )
        if query.get(name)
    )
    blobs = "".join(
        f"<BlobPrefix><Name>{escape(name)}</Name></BlobPrefix>" if row is None else _entry(name, row, described)
        for name, row in entries
    )
    return _document(
        f"<EnumerationResults ContainerName={quoteattr(container)}>{echoed}<Blobs>{blobs}</Blobs>"
        f"<NextMarker>{escape(marker)}</NextMarker></EnumerationResults>"
    )


def container_list(names: Sequence[str]) -> str:
    """A list of containers as XML."""
    found = "".join(
        f"<Container><Name>{escape(name)}</Name><Properties><Last-Modified>{_date(0)}</Last-Modified>"
        "<Etag>&quot;0x1&quot;</Etag></Properties></Container>"
        for name in names
    )
    return _document(f"<EnumerationResults><Containers>{found}</Containers><NextMarker/></EnumerationResults>")


def block_list(committed: Sequence[tuple[str, int]], uncommitted: Sequence[tuple[str, int]], kind: str) -> str:
    """A list of blocks as XML; `kind` is committed, uncommitted or all."""
    parts = [
        (tag, blocks)
        for name, tag, blocks in (
            ("committed", "CommittedBlocks", committed),
            ("uncommitted", "UncommittedBlocks", uncommitted),
        )
        if kind in (name, "all")
    ]
    return _document(
        "<BlockList>"
        + "".join(f"<{tag}>{''.join(_block(*each) for each in blocks)}</{tag}>" for tag, blocks in parts)
        + "</BlockList>"
    )


def xml_answer(body: str, headers: Mapping[str, str]) -> Response:
    """200 with an XML body."""
    return Response(body, media_type="application/xml", headers=dict(headers))


def error_answer(method: str, error: BlobError) -> Response:
    """An error as Azure Storage writes it; HEAD and 304 have no body."""
    headers = {**headers_of(), "x-ms-error-code": error.code}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer resource_id=https://storage.azure.com"
    if method == "HEAD" or error.status == 304:
        return Response(status_code=error.status, headers=headers)
    body = _document(f"<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>")
    return Response(body, error.status, media_type="application/xml", headers=headers)


def _entry(name: str, row: Row, described: bool) -> str:
    headers = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in row.headers.items())
    checksum = f"<Content-MD5>{row.md5}</Content-MD5>" if row.md5 else ""
    properties = (
        f"<Creation-Time>{_date(row.created)}</Creation-Time><Last-Modified>{_date(row.modified)}</Last-Modified>"
        f"<Etag>{escape(row.etag)}</Etag><Content-Length>{row.length}</Content-Length>{headers}{checksum}"
        "<BlobType>BlockBlob</BlobType><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>"
        "<ServerEncrypted>true</ServerEncrypted>"
    )
    metadata = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in row.metadata.items())
    shown = f"<Metadata>{metadata}</Metadata>" if described else ""
    return f"<Blob><Name>{escape(name)}</Name><Properties>{properties}</Properties>{shown}</Blob>"


def _block(block: str, length: int) -> str:
    return f"<Block><Name>{escape(block)}</Name><Size>{length}</Size></Block>"


def _document(inner: str) -> str:
    return f'<?xml version="1.0" encoding="utf-8"?>{inner}'


def _date(moment: float) -> str:
    return formatdate(moment, usegmt=True)
