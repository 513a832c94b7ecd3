"""Scoring script of the wine endpoint: a chemical analysis in, the cultivar out.

All three deployments use this script; each brings its own model file.

    request   {"data": [{"alcohol": 13.2, "malic_acid": 1.78, ... 13 measurements}, ...]}
    answer    {"predictions": [{"cultivar": "class_0", "probability": 0.98}, ...]}
"""

import json
import math
import os
import time

import joblib
import numpy


def init():
    """Load the model, the order of its measurements and the names of its classes."""
    global model, measurements, cultivars
    model_path = os.path.join(os.environ["AZUREML_MODEL_DIR"], "model/wine.joblib")
    saved = joblib.load(model_path)
    model, measurements, cultivars = saved["model"], saved["measurements"], saved["cultivars"]
    print(f"init: loaded {model_path}", flush=True)


def run(raw_data):
    """Answer one request. An exception becomes status 424 for the caller; its text is in the deployment's log."""
    started = time.perf_counter()
    wines = read(raw_data)
    predictions = []
    for probabilities in model.predict_proba(wines):
        best = int(probabilities.argmax())
        predictions.append({"cultivar": cultivars[best], "probability": round(float(probabilities[best]), 4)})
    print(f"run: wines={len(wines)} ms={(time.perf_counter() - started) * 1000:.1f}", flush=True)
    return {"predictions": predictions}


def read(raw_data):
    """Return the wines of a request as an array, one row each, measurements in the order of the training data.

    Raises ValueError with a sentence that says what is wrong with the request.
    """
    try:
        body = json.loads(raw_data)
    except json.JSONDecodeError as error:
        raise ValueError(f"The request is not JSON: {error}.") from None
    if not isinstance(body, dict) or not isinstance(body.get("data"), list) or not body["data"]:
        raise ValueError(
            'The request must look like {"data": [{"alcohol": 13.2, ...}, ...]} and hold at least one wine.'
        )
    return numpy.array([read_wine(place, wine) for place, wine in enumerate(body["data"])])


def read_wine(place, wine):
    """Return the measurements of one wine in order, or raise ValueError."""
    if not isinstance(wine, dict):
        raise ValueError(f"data[{place}] must be an object with {len(measurements)} measurements.")
    missing = [name for name in measurements if name not in wine]
    if missing:
        raise ValueError(f"data[{place}] lacks {', '.join(missing)}.")
    for name in measurements:
        value = wine[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"data[{place}].{name} must be a number, found {value!r}.")
    return [float(wine[name]) for name in measurements]
