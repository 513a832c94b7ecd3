"""What Azure's own codes and messages mean, as a table: the special before the general.

Source: Microsoft, "Troubleshoot online endpoint deployment and scoring"
(https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints), by its sections; and Azure
Resource Manager's common errors (https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors).
"""

from __future__ import annotations

from dataclasses import dataclass

from services.deploying.model import Phase


@dataclass(frozen=True)
class Row:
    """One row. ``codes`` as Azure writes them, empty for any; ``pattern`` is searched in the message, "" for any."""

    cause_code: str
    codes: str
    pattern: str
    cause: str
    fix: str
    certainty: int = 85
    phase: Phase | None = None
    """The phase in which alone it means this; None for any."""


ROWS = (
    Row(
        "upload-authorization",
        "",
        r"AuthorizationPermissionMismatch|AuthorizationFailure|AuthenticationFailed|KeyBasedAuthenticationNotPermitted"
        r"|not authorized|\b403\b",
        "You may not write to the workspace's storage, or this machine is kept out by its network rules.",
        "Ask an owner for the role Storage Blob Data Contributor on the storage account (and AzureML Data Scientist on"
        " the workspace). AuthorizationFailure speaks of the network: then let this machine's address in.",
        98,
        Phase.UPLOAD,
    ),
    Row(
        "upload-broken",
        "",
        r"timed? ?out|connection (?:was )?(?:aborted|reset|broken|refused)|cut off"
        r"|IncompleteRead|Broken pipe|EOF occurred|did not answer",
        "The upload was cut off.",
        "Begin it again: files that are there already are not sent twice.",
        90,
        Phase.UPLOAD,
    ),
    Row(
        "quota-cores",
        "",
        r"Not enough quota available for (?P<size>\S+)(?:.*?usage/limit: (?P<used>\d+)/(?P<limit>\d+))?"
        r"(?:.*?needed: (?P<needed>\d+))?",
        "There are not enough cores left for {size}: {used} of {limit} are used, and this needs {needed}.",
        "Delete a deployment that is not needed, take fewer instances or another family of sizes, or ask for more"
        " quota. Azure counts a fifth more instances than you ask for, as a reserve for upgrades.",
        97,
    ),
    Row(
        "quota-endpoints",
        "",
        r"Endpoint Quota reached|endpoint quota",
        "There are as many endpoints as the subscription may have in this region.",
        "Delete an endpoint that is not needed, or ask for more.",
        97,
    ),
    Row(
        "quota-roles",
        "",
        r"RoleAssignmentLimitExceeded|role assignment(?:s)? .*limit|limit .*role assignments",
        "The subscription has as many role assignments as it may have.",
        "Remove role assignments that are not needed.",
        95,
    ),
    Row(
        "capacity",
        "",
        r"lack of Azure Machine Learning capacity|region.*capacity|AllocationFailed|SkuNotAvailable"
        r"|OverconstrainedAllocation",
        "Azure has no machines of this size left in the region.",
        "Try again later, or take another size or region.",
        95,
    ),
    Row(
        "capacity",
        "OutOfCapacity",
        "",
        "Azure has no machines of this size left in the region.",
        "Try again later, or take another size or region.",
        90,
    ),
    Row(
        "nodes",
        "",
        r"Kubernetes unschedulable|nodes are available|PodUnschedulable",
        "The Kubernetes cluster has no room for the deployment.",
        "Ask for less processor and memory, or let somebody add nodes.",
        95,
    ),
    Row(
        "disk-full",
        "OutOfQuota",
        r"disk|storage space",
        "The model is larger than the disk of the instance.",
        "Choose an instance type with a larger disk, or make the model and the image smaller.",
    ),
    Row(
        "out-of-memory",
        "OutOfQuota PodOutOfMemory",
        r"memory",
        "The model needs more memory than the instance has.",
        "Choose an instance type with more memory.",
    ),
    Row(
        "cluster-quota",
        "OutOfQuota",
        r"cluster",
        "There are as many compute clusters as the subscription may have.",
        "Delete one that is not needed, or ask for more.",
    ),
    Row(
        "instance-type",
        "",
        r"instance type (?P<size>\S+) is not|VM ?size .*(?:not supported|is not|invalid)"
        r"|unsupported (?:vm|instance) ?(?:size|type)",
        "Managed online endpoints do not run on this instance type in this region.",
        "Choose one of the sizes that are offered; the check before the deployment lists them.",
        96,
    ),
    Row(
        "name-taken",
        "",
        r"name '(?P<name>[^']+)' is not available|already exists in (?:the )?region|name .* already (?:in use|taken)",
        "Another endpoint of the region has this name already.",
        "Choose another name: names of endpoints are unique in a region, over all subscriptions.",
        97,
    ),
    Row(
        "no-code",
        "",
        r"MissingDriverProgram|Could not find driver program",
        "The deployment has no scoring script, and its model is not one of MLflow's, which need none.",
        "Add code_configuration with code and scoring_script; or register the model as an MLflow model.",
        97,
    ),
    Row(
        "no-environment",
        "",
        r"'Image' must not be empty|environment is required|EnvironmentId.*must not be (?:null|empty)",
        "The deployment has no environment, and its model is not one of MLflow's, which need none.",
        "Add environment to the deployment: an image and a conda file, or azureml:name:version.",
        97,
    ),
    Row(
        "unrecoverable",
        "",
        r"unrecoverable state|has not been created successfully",
        "It failed when it was first created, and Azure cannot change it any more.",
        "Delete it, then create it again.",
        97,
    ),
    Row(
        "policy",
        "RequestDisallowedByPolicy InvalidTemplate",
        r"disallowed by policy|policy assignment|template function",
        "A policy of the subscription forbids it, or is written wrongly.",
        "Show the name of the policy to whoever looks after the subscription.",
        95,
    ),
    Row(
        "provider",
        "MissingSubscriptionRegistration SubscriptionNotRegistered",
        r"not registered to use namespace|Resource provider .* isn't registered",
        "The subscription does not have a resource provider that managed endpoints need.",
        "Let an owner register it: az provider register --namespace with the name in the message.",
        95,
    ),
    Row(
        "registry-authorization",
        "",
        r"does not have pull permission on the registry|AcrPull|ACRTokenExchange|container registry authorization",
        "The endpoint's identity may not pull the image from the registry.",
        "Give the endpoint's identity the role AcrPull on the container registry; it takes some minutes to work.",
        95,
    ),
    Row(
        "storage-authorization",
        "",
        r"startup task failed due to authorization|AuthorizationPermissionMismatch|Storage Blob Data Reader"
        r"|incorrect role assignments",
        "An identity may not read the workspace's storage or container registry.",
        "Give the endpoint's identity Storage Blob Data Reader on the storage account and AcrPull on the registry.",
        94,
    ),
    Row(
        "permission-roles",
        "",
        r"action '(?P<action>Microsoft\.(?:Authorization/roleAssignments|ManagedIdentity)/[^']+)'",
        "You may not give the endpoint its identity: {action}.",
        "Ask for the role User Access Administrator on the workspace, and Managed Identity Operator on the identity; or"
        " let somebody who has them create the endpoint.",
        98,
    ),
    Row(
        "permission",
        "AuthorizationFailed LinkedAuthorizationFailed Forbidden",
        r"does not have authorization to perform action '(?P<action>[^']+)'|AuthorizationFailed",
        "You may not do this step in the workspace: {action}.",
        "Ask an owner for the role AzureML Data Scientist on the workspace; a new role takes some minutes to work.",
        97,
    ),
    Row(
        "secrets",
        "SecretsInjectionError",
        "",
        "Azure could not put a secret into the environment variables.",
        "Give the endpoint's identity the role to read it (connection or key vault), and check the reference.",
        92,
    ),
    Row(
        "model-download",
        "",
        r"Unable to download user model|download.*model.*fail|model.*(?:could not|can't|cannot) be downloaded",
        "The files of the model are not where its registration says.",
        "Look at the model's path in the workspace; register it again with files that exist.",
        94,
    ),
    Row(
        "image-download",
        "",
        r"Unable to download user container image|ImagePullBackOff|ErrImagePull|ImagePullLoopBackOff",
        "The image of the environment cannot be pulled.",
        "Check its name and tag, and that the endpoint's identity has the role AcrPull on its registry.",
        94,
    ),
    Row(
        "code-download",
        "",
        r"Unable to download user (?:code|script)|scoring script .* is not in the code folder",
        "The code of the deployment is not where its registration says.",
        "Check the path of the code folder and of the scoring script below it.",
        94,
    ),
    Row(
        "mlflow-network",
        "",
        r"MLflow.*(?:private network|not supported)",
        "MLflow models without code do not work in a private network of the older kind.",
        "Use a workspace with a managed virtual network, or give the deployment code and an environment.",
        92,
    ),
    Row(
        "subscription",
        "SubscriptionNotFound ReadOnlyDisabledSubscription InvalidSubscriptionId",
        r"subscription .*(?:not found|does not exist|disabled)",
        "The subscription does not exist, or is switched off.",
        "Check its id, and that it is active.",
        95,
    ),
    Row(
        "network-not-ready",
        "WorkspaceManagedNetworkNotReady",
        "",
        "The managed virtual network of the workspace does not exist yet.",
        "Create it first: az ml workspace provision-network.",
        95,
    ),
    Row(
        "busy",
        "Conflict OperationCanceled OperationCancelled",
        r"another operation|in progress|provisioning state|waiting for lock|higher priority",
        "Something else was changing the endpoint or the deployment at the same time.",
        "Wait until that has ended, then begin again.",
        90,
    ),
    Row(
        "variable-invalid",
        "BadArgument BadRequest",
        r"environment variable",
        "The name or value of an environment variable is not allowed.",
        "Correct it in environment_variables.",
        90,
    ),
    Row(
        "not-found",
        "ResourceNotFound NotFound EndpointNotFound ParentResourceNotFound UserError",
        r"(?P<what>endpoint|model|environment|code|deployment|workspace)\b"
        r".*(?:not found|could not be found|does not exist)",
        "Something that the deployment refers to does not exist: {what}.",
        "Check names and versions. The message names what was looked for.",
        88,
    ),
    Row(
        "invalid-request",
        "BadRequest BadArgument InferencingClientCallFailed ValidationError InvalidDeploymentSpec UserError",
        r"validation errors? occurred|request is invalid|InferencingClientCallFailed",
        "Azure does not accept a value of the request.",
        "The message names the field. Correct it, then begin again.",
        70,
    ),
    Row(
        "build-failed",
        "ImageBuildFailure EnvironmentBuildFailed",
        "",
        "The image of the environment could not be built.",
        "Read the log of the build, whose place the message names. Try the conda file on your machine.",
        60,
    ),
    Row(
        "out-of-quota",
        "OutOfQuota",
        "",
        "Azure has no more of something that the deployment needs.",
        "The message names it. Take a smaller instance type or fewer instances, or ask for more quota.",
        65,
    ),
    Row(
        "not-found",
        "ResourceNotFound NotFound EndpointNotFound",
        "",
        "Something that the deployment refers to does not exist.",
        "Check names and versions of model, environment, code and endpoint.",
        60,
    ),
    Row(
        "permission",
        "",
        r"\b403\b|forbidden",
        "A permission is missing.",
        "Ask an owner of the workspace for the role AzureML Data Scientist.",
        60,
    ),
    Row(
        "no-log",
        "ResourceNotReady DeploymentCrashLoopBackOff KubernetesCrashLoopBackOff",
        "",
        "The container did not start, and no log says why.",
        "Try the same files on the local Azure: its log is complete. Then look at the image and at the probes.",
        40,
    ),
    Row(
        "invalid-request",
        "UserError ValidationError InvalidDeploymentSpec BadRequest BadArgument",
        "",
        "Azure does not accept something in the request.",
        "The message says what. Correct it, then begin again.",
        55,
    ),
    Row(
        "azure-failed",
        "InternalServerError ServiceError InternalError",
        "",
        "Azure itself failed.",
        "Try again. If it stays, open a support ticket with the request id.",
        60,
    ),
)
