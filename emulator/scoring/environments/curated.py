"""What Microsoft's own images and curated environments bring. Pure.

An image is not pulled here: only the libraries that its name promises are installed. The names are those of "Docker
images for inference" and of the curated environments, for example ``sklearn-1.5`` or
``mcr.microsoft.com/azureml/minimal-ubuntu22.04-py39-cpu-inference``.
"""

from __future__ import annotations

import re

_INFERENCE_IMAGE = re.compile(r"mcr\.microsoft\.com/azureml/(?:curated/)?[^@]*inference[^/]*", re.IGNORECASE)
_TABLES = ("numpy", "pandas", "scipy", "joblib", "scikit-learn")
_BY_WORD = {
    "mlflow": ("mlflow", *_TABLES),
    "sklearn": _TABLES,
    "scikit": _TABLES,
    "xgboost": ("xgboost", *_TABLES),
    "lightgbm": ("lightgbm", *_TABLES),
    "pytorch": ("torch", "numpy", "pandas"),
    "tensorflow": ("tensorflow", "numpy", "pandas"),
    "onnx": ("onnxruntime", "numpy", "pandas"),
    "minimal": (),
}


def brings_server(image: str) -> bool:
    """Whether an image has Microsoft's inference server: those for inference do, the plain Ubuntu ones do not."""
    return bool(_INFERENCE_IMAGE.fullmatch(image))


def libraries(name: str) -> tuple[str, ...]:
    """The model libraries of a curated environment or of an image for inference; the common ones for a name that says
    nothing."""
    return next((found for word, found in _BY_WORD.items() if word in name.lower()), _TABLES)
