"""Scoring script of the digit endpoint: 64 grey values in, a digit and its probability out.

Azure ML calls init() once when the container starts and run() for every request. Both deployments use this same script;
what differs between them is the model file.

    request   {"data": [[0, 0, 5, 13, ... 64 numbers from 0 (paper) to 16 (ink), row by row], ...]}
    answer    {"predictions": [{"digit": 7, "probability": 0.98}, ...]}
"""

import json
import os
import time

import joblib
import numpy

PIXELS = 64
INK = 16


def init():
    """Load the model into memory. Whatever is slow belongs here and not in run()."""
    global model
    # Azure puts the folder that the deployment names under `model: path:` here, under its own name.
    model_path = os.path.join(os.environ["AZUREML_MODEL_DIR"], "model/digits.joblib")
    model = joblib.load(model_path)
    print(f"init: loaded {model_path}", flush=True)


def run(raw_data):
    """Answer one request. An exception becomes status 424 for the caller; its text is in the deployment's log."""
    started = time.perf_counter()
    images = read(raw_data)
    predictions = []
    for probabilities in model.predict_proba(images):
        best = int(probabilities.argmax())
        predictions.append({"digit": int(model.classes_[best]), "probability": round(float(probabilities[best]), 4)})
    print(f"run: images={len(images)} ms={(time.perf_counter() - started) * 1000:.1f}", flush=True)
    return {"predictions": predictions}


def read(raw_data):
    """Return the images of a request as an array with one row of 64 numbers each.

    Raises ValueError with a sentence that says what is wrong with the request.
    """
    try:
        body = json.loads(raw_data)
    except json.JSONDecodeError as error:
        raise ValueError(f"The request is not JSON: {error}.") from None
    if not isinstance(body, dict) or not isinstance(body.get("data"), list) or not body["data"]:
        raise ValueError('The request must look like {"data": [[64 numbers], ...]} and hold at least one image.')
    for place, image in enumerate(body["data"]):
        if not isinstance(image, list) or len(image) != PIXELS:
            found = f"{len(image)} values" if isinstance(image, list) else f"{type(image).__name__}"
            raise ValueError(f"data[{place}] must be a list of {PIXELS} numbers, found {found}.")
        for position, value in enumerate(image):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= INK:
                raise ValueError(f"data[{place}][{position}] must be a number from 0 to {INK}, found {value!r}.")
    return numpy.array(body["data"], dtype=float)
