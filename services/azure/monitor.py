"""Platform metrics from Azure Monitor: the batch service first, one request per resource where that is not allowed."""

from __future__ import annotations

from collections.abc import Sequence

from services.azure.connection import Connection
from services.model import Series, Window

ENDPOINT_NAMESPACE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
DEPLOYMENT_NAMESPACE = ENDPOINT_NAMESPACE + "/deployments"


def read_metrics(
    conn: Connection,
    resource_ids: Sequence[str],
    namespace: str,
    metrics: Sequence[str],
    window: Window,
    *,
    split_by: Sequence[str] = (),
) -> list[Series]:
    """Average per grain of ``metrics`` for each resource, one Series per combination of the ``split_by`` values.

    All resources must be of the type ``namespace``. Points without data are None, which is not 0. Raises SluiceError.
    """
    raise NotImplementedError
