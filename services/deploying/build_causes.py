"""Why the image of a deployment could not be built, by the log of the build and Azure's message.

The forms are those of conda, mamba, pip, Docker, and of uv, with which the local Azure builds.
"""

from __future__ import annotations

import re

from services.deploying.signs import Found, search, sign

_SIGNS = (
    sign(
        "conda-unreadable",
        r"not YAML|yaml\.(?:scanner|parser)|ScannerError|ParserError|EnvironmentFileInvalid|EnvironmentFileEmpty"
        r"|InvalidVersionSpec|InvalidMatchSpec|Invalid requirement|Invalid version|is not a valid requirement"
        r"|SpecNotFound|Failed to parse|conda file cannot be read|dependencies? (?:must|has to) be",
        "The conda file cannot be read.",
        "Correct it at the place that the message names. Try conda env create -f with it on your machine.",
        95,
    ),
    sign(
        "conda-python",
        r"requires a different Python|Requires-Python|Python (?P<name>[\d.*]+) (?:cannot be had|was not found)"
        r"|requires python ?[<>=!~]|does not satisfy Python",
        "A package of the conda file does not exist for the Python that it asks for.",
        "Change the version of python in the conda file, or pin a version of the package that fits it.",
        94,
    ),
    sign(
        "conda-package",
        r"Could not find a version that satisfies the requirement (?P<a>[^\s;]+)"
        r"|No matching distribution found for (?P<b>\S+)|there is no version of (?P<c>\S+)"
        r"|(?P<d>\S+) was not found in the (?:package registry|provided package locations)"
        r"|nothing provides (?:requested )?(?P<e>\S+)",
        "A package of the conda file, or that version of it, does not exist: {a}{b}{c}{d}{e}.",
        "Correct its name and version. A private index has to be named in the conda file, and be within reach.",
        93,
    ),
    sign(
        "conda-package",
        r"ResolvePackageNotFound|PackagesNotFoundError|packages are not available from current channels"
        r"|does not exist \(perhaps a typo or a missing channel\)",
        "A package of the conda file does not exist in the channels that the file names.",
        "Correct its name and version, add the channel (most often conda-forge), or install it with pip.",
        92,
    ),
    sign(
        "conda-conflict",
        r"ResolutionImpossible|conflicting dependencies|UnsatisfiableError|LibMambaUnsatisfiable|are incompatible"
        r"|found to be incompatible|conflict(?:s)? with|your requirements are unsatisfiable|cannot be used",
        "Packages of the conda file ask for versions that exclude each other.",
        "Loosen or remove one of the pins that are named. pip install -r with the same list shows it on your machine.",
        90,
    ),
    sign(
        "conda-compile",
        r"Failed building wheel for (?P<name>\S+)|error: command '?\S*(?:gcc|cc|g\+\+|cmake)'? failed"
        r"|subprocess-exited-with-error|metadata-generation-failed|unable to execute '?gcc",
        "A package has to be compiled, and that failed.",
        "Pin a version that has a wheel for this Python, or use an image with the compiler and libraries it needs.",
        88,
    ),
    sign(
        "disk-full",
        r"No space left on device",
        "The disk on which the image is built is full.",
        "Ask for fewer or smaller packages (for PyTorch: the builds for processors only), or build the image yourself.",
        93,
    ),
    sign(
        "build-memory",
        r"returned a non-zero code: 137|exit code: 137|MemoryError",
        "The build ran out of memory.",
        "Ask for fewer packages, or build the image yourself and refer to it.",
        90,
    ),
    sign(
        "registry-authorization",
        r"container registry authorization failure|unauthorized: authentication required|denied: requested access"
        r"|pull access denied|401 Unauthorized.*azurecr",
        "The build may not read from, or write to, the container registry.",
        "Check the image's name and its registry. If it is the workspace's own: az ml workspace sync-keys.",
        92,
    ),
    sign(
        "registry-network",
        r"failed to communicate with the workspace's container registry",
        "The build does not reach the workspace's container registry, which is behind a private network.",
        "Set an image build compute for the workspace: az ml workspace update --image-build-compute.",
        92,
    ),
    sign(
        "image-missing",
        r"manifest (?:for \S+ )?(?:not found|unknown)|MANIFEST_UNKNOWN|repository \S+ not found"
        r"|failed to resolve reference",
        "The base image does not exist.",
        "Correct the image's name and tag in the environment.",
        93,
    ),
    sign(
        "build-network",
        r"CondaHTTPError|HTTP 000 CONNECTION FAILED|ReadTimeoutError|NewConnectionError|NameResolutionError"
        r"|Temporary failure in name resolution|Could not fetch URL|error sending request|Failed to fetch|dns error",
        "The build does not reach the place from which a package comes.",
        "Try again; if it stays, see whether the network of the workspace lets the build out to that address.",
        87,
    ),
    sign(
        "build-timeout",
        r"timeout while waiting for Environment Image|image build.*(?:timed? ?out|timeout)"
        r"|(?:build|job).*took longer than|maximum execution time",
        "The image was not built in the time that a deployment may take.",
        "Build it beforehand as an environment of the workspace and refer to it; fewer packages build faster.",
        91,
    ),
    sign(
        "docker-step",
        r"The command '.+' returned a non-zero code: (?P<code>\d+)|failed to solve: ",
        "A step of the image's build failed.",
        "Run docker build with the same files on your machine.",
        75,
    ),
    sign(
        "conda-slow",
        r"Installing pip dependencies: \.\.\.working\.\.\. *$",
        "The build ended while pip looked for versions that fit together.",
        "Pin the versions of the packages in the conda file.",
        60,
    ),
)


_IN_CONTAINER = re.compile(r"Solving environment|Pip subprocess|CondaEnvException|Collecting package metadata", re.I)


def is_installed_in(log: str) -> bool:
    """Whether a container installs its packages when it starts, as Azure's own for MLflow models do."""
    return bool(_IN_CONTAINER.search(log))


def causes_in(log: str, source: str) -> tuple[Found, ...]:
    """What the log of a build shows, in its order. ``source`` names the log for a person."""
    return tuple(search(_SIGNS, log.splitlines(), source))
