"""Which packages bring the modules that a scoring script imports. Pure.

A table of common names, and guesses for the rest: what nothing is known of is told as a warning, never as an error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from packaging.utils import canonicalize_name

_BROUGHT_BY = {
    "sklearn": ("scikit-learn",),
    "cv2": ("opencv-python", "opencv-python-headless", "opencv", "py-opencv", "opencv-contrib-python"),
    "PIL": ("pillow", "pillow-simd"),
    "yaml": ("pyyaml",),
    "bs4": ("beautifulsoup4",),
    "dateutil": ("python-dateutil",),
    "dotenv": ("python-dotenv",),
    "torch": ("torch", "pytorch", "pytorch-cpu", "pytorch-gpu"),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-gpu"),
    "xgboost": ("xgboost", "py-xgboost", "py-xgboost-cpu", "py-xgboost-gpu"),
    "skimage": ("scikit-image",),
    "jwt": ("pyjwt",),
    "Crypto": ("pycryptodome",),
    "faiss": ("faiss-cpu", "faiss-gpu"),
    "matplotlib": ("matplotlib", "matplotlib-base"),
    "pkg_resources": ("setuptools",),
    "azureml_inference_server_http": ("azureml-inference-server-http",),
    "google.protobuf": ("protobuf",),
    "google.auth": ("google-auth",),
    "grpc": ("grpcio",),
    "OpenSSL": ("pyopenssl",),
    "serial": ("pyserial",),
    "fitz": ("pymupdf",),
    "docx": ("python-docx",),
    "psycopg2": ("psycopg2-binary", "psycopg2"),
    "MySQLdb": ("mysqlclient",),
    "lightning": ("lightning", "pytorch-lightning"),
    "sentence_transformers": ("sentence-transformers",),
}
"""Modules whose package has another name."""
_WITH = {
    "numpy": (
        *("pandas", "scikit-learn", "scipy", "xgboost", "lightgbm", "tensorflow", "onnxruntime", "matplotlib", "keras"),
        *(
            "statsmodels",
            "opencv-python",
            "opencv-python-headless",
            "mlflow",
            "catboost",
            "transformers",
            "torchvision",
        ),
    ),
    "scipy": ("scikit-learn", "xgboost", "lightgbm", "statsmodels", "mlflow", "catboost"),
    "joblib": ("scikit-learn", "mlflow"),
    "pandas": ("mlflow", "statsmodels", "catboost", "datasets"),
    "sklearn": ("mlflow",),
    "yaml": ("mlflow", "transformers", "mlflow-skinny"),
    "requests": ("mlflow", "transformers"),
    "torch": ("torchvision", "torchaudio", "sentence-transformers"),
    "PIL": ("torchvision", "matplotlib"),
    "dateutil": ("pandas",),
    "tokenizers": ("transformers",),
    "cloudpickle": ("mlflow", "mlflow-skinny"),
    "tensorflow": ("tf-keras",),
    "google.protobuf": ("tensorflow", "onnx", "onnxruntime", "grpcio-status", "mlflow"),
    "keras": ("tensorflow",),
}
"""Modules that come along with other packages."""
NOT_PACKAGES = {"sklearn": "scikit-learn", "cv2": "opencv-python-headless", "pil": "pillow", "skimage": "scikit-image"}
"""Modules that are often asked for under their own names, by normalised name, and what brings them. PyPI's sklearn
fails to install on purpose."""
SERVERS = frozenset({"azureml-inference-server-http", "azureml-defaults"})
"""Packages that bring Microsoft's inference server (how-to-inference-server-http; azureml-defaults depends on it)."""
_WITH_SERVER = (
    *("annotated_types", "azure.core", "azure.identity", "azure.monitor.opentelemetry", "azureml.contrib.services"),
    *("blinker", "certifi", "cffi", "charset_normalizer", "click", "cryptography", "dateutil", "deprecated", "dotenv"),
    *("fixedint", "flask", "flask_cors", "gunicorn", "idna", "importlib_metadata", "inference_schema", "isodate"),
    *("itsdangerous", "jinja2", "jwt", "markupsafe", "msal", "msal_extensions", "msrest", "oauthlib", "opentelemetry"),
    *("psutil", "pydantic", "pydantic_core", "pydantic_settings", "pytz", "requests", "requests_oauthlib"),
    *("typing_extensions", "typing_inspection", "urllib3", "werkzeug", "wrapt", "zipp"),
)
"""Modules that come along with the inference server on Linux: those of an environment in which version 1.5 alone was
installed. It answers for azureml.contrib.services itself (``server/__init__.py``), for nothing else of azureml."""
_SHARED: Mapping[str, frozenset[str]] = {
    "azure": frozenset(
        ("ai", "cognitiveservices", "communication", "data", "iot", "keyvault", "mgmt", "monitor", "search", "storage")
    ),
    "azureml": frozenset({"contrib"}),
    "google": frozenset({"ai", "cloud"}),
}
"""First names that many packages share, and their second names that many share too: azure.identity is a package,
azure.storage.blob is another one than azure.storage.queue."""


def missing(
    imports: Iterable[tuple[str, int]], packages: Collection[str], own: Collection[str]
) -> tuple[tuple[str, int, str], ...]:
    """The imported modules that nothing is known to bring: name, line, and the package that would.

    ``imports`` are names as :func:`needed_name` gives them, ``packages`` the normalised names that a conda file asks
    for, ``own`` the modules in the code folder.
    """
    found: dict[str, tuple[str, int, str]] = {}
    for module, line in imports:
        if module.partition(".")[0] not in own and module not in found and not _is_brought(module, packages):
            found[module] = (module, line, _package_of(module))
    return tuple(found.values())


def may_bring(name: str, packages: Collection[str]) -> bool:
    """Whether a module of this first name may be installed: one of ``packages`` or a package that is known here brings
    it. Then a file of the same name is not what is imported for sure."""
    plain = canonicalize_name(name)
    known = (*_BROUGHT_BY, *_WITH, *_WITH_SERVER, *_SHARED)
    return bool({plain, f"python-{plain}", f"py{plain}"} & set(packages)) or any(
        each.partition(".")[0] == name for each in known
    )


def needed_name(module: str) -> str:
    """As much of a module's dotted name as tells which package brings it: azure.storage.blob, numpy."""
    first, *rest = module.split(".")
    if first not in _SHARED or not rest:
        return first
    steps = rest[:2] if rest[0] in _SHARED[first] else rest[:1]
    # Modules are in lower case, classes of them are not.
    return ".".join([first, *(each for each in steps if each == each.lower())])


def _package_of(module: str) -> str:
    first = module.partition(".")[0]
    return _BROUGHT_BY.get(module, (canonicalize_name("-".join(module.split(".")) if first in _SHARED else first),))[0]


def _is_brought(module: str, packages: Collection[str]) -> bool:
    if module in _WITH_SERVER and SERVERS & set(packages):
        return True
    plain = canonicalize_name(module.replace(".", "-"))
    bringing = {*_BROUGHT_BY.get(module, ()), *_WITH.get(module, ()), plain, f"python-{plain}", f"py{plain}"}
    if bringing & set(packages):
        return True
    # azure.core comes with every package of Azure, and a namespace alone with each of its packages.
    start = "azure-" if module == "azure.core" else f"{plain}-"
    return any(each.startswith(start) and each not in SERVERS for each in packages)
