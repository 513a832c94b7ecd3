"""How blob calls fail, in Azure Storage's codes."""

from __future__ import annotations


class BlobError(Exception):
    """A blob call that fails. `status` and `code` are Azure Storage's."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def no_blob() -> BlobError:
    """404 for a blob that is not there."""
    return BlobError(404, "BlobNotFound", "The specified blob does not exist.")
