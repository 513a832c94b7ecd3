"""What your tests may look like. Nothing here knows that the Azure is a local one, but for the faults and the seed."""

import pytest
from azure.ai.ml import MLClient
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential


@pytest.fixture
def client(environment):
    names = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZUREML_WORKSPACE_NAME")
    return MLClient(DefaultAzureCredential(), *(environment[name] for name in names))


def test_many_endpoints_are_listed(client, azure):
    azure("POST", "seed", {"endpoints": [{"name": f"shop-{number}"} for number in range(30)]})
    assert len(list(client.online_endpoints.list())) == 30


def test_a_throttled_call_is_sent_again(client, azure):
    azure("POST", "faults", {"operation": "*/onlineEndpoints/read", "status": 429, "retry_after": 1, "times": 1})
    assert list(client.online_endpoints.list()) == []
    assert azure("GET", "faults")["value"][0]["hits"] == 1


def test_no_rights_are_an_error_that_says_so(client, azure):
    azure("POST", "faults", {"path": "/subscriptions/*", "status": 403, "code": "AuthorizationFailed"})
    with pytest.raises(HttpResponseError, match="AuthorizationFailed"):
        list(client.online_endpoints.list())
