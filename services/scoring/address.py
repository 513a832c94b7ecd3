"""Whether an address is the endpoint's own. A key goes there and nowhere else."""

from __future__ import annotations

from urllib.parse import urlsplit

from services.azure.cloud import is_loopback
from services.errors import RuleBroken
from services.model import Endpoint

_MANAGED_HOSTS = (".inference.ml.azure.com", ".inference.ml.azure.us", ".inference.ml.azure.cn")
"""What the hosts of managed endpoints end with: public cloud, US Government, China (how-to-secure-online-endpoint)."""


def check_address(endpoint: Endpoint, *, is_local: bool) -> None:
    """Raise RuleBroken when the endpoint's scoring address is not one that its key may be sent to.

    It must be https without a user name in it. The host of a managed endpoint is ``<endpoint>.<region>`` followed by
    ``.inference.ml.azure.com`` or the like of another cloud; a Kubernetes endpoint may have any. The local Azure scores
    on this machine, and nothing else may.
    """
    what = "The request was not sent."
    address = urlsplit(endpoint.scoring_uri)
    host = (address.hostname or "").lower()
    if address.scheme != "https" or not host:
        why = f"The scoring address is {endpoint.scoring_uri or 'missing'}, and a key travels over TLS only."
        raise RuleBroken(what, why, "Wait until the endpoint is ready, or check how it was created.")
    elsewhere = f"The scoring address {endpoint.scoring_uri} is not one of {endpoint.name}."
    step = "Look at the endpoint in Azure; its key is not sent to another address."
    if address.username is not None or is_loopback(endpoint.scoring_uri) != is_local:
        raise RuleBroken(what, elsewhere, step)
    if is_local or endpoint.is_kubernetes:
        return
    if not (host.startswith(f"{endpoint.name.lower()}.") and host.endswith(_MANAGED_HOSTS)):
        raise RuleBroken(what, elsewhere, step)
