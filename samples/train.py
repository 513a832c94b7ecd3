"""Train the models of both sample endpoints and write the files that the deployments name.

    python samples/train.py [--into DIR]

The data sets come with scikit-learn: 1,797 handwritten digits of 8 x 8 pixels, and 178 wines of three cultivars with 13
measurements each. A quarter of the digits and 30 % of the wines are held out, never trained on, and kept in
held-out.jsonl, so that requests can be made and answers checked without scikit-learn. Seeds are fixed: the same
versions give the same files, byte for byte.
"""

import argparse
import json
from pathlib import Path

import joblib
from sklearn.datasets import load_digits, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

SEED = 0
HERE = Path(__file__).resolve().parent


def train_digits(into):
    """Write blue (model-1), green (model-2), the held-out digits and the sample request below ``into``."""
    data, digits = load_digits(return_X_y=True)
    known, held_out, known_digits, held_out_digits = train_test_split(
        data, digits, test_size=0.25, random_state=SEED, stratify=digits
    )
    models = {
        "model-1": make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=1000)),
        "model-2": RandomForestClassifier(n_estimators=150, random_state=SEED),
    }
    for folder, model in models.items():
        model.fit(known, known_digits)
        report(folder, model, held_out, held_out_digits, data, digits)
        save(model, into / folder / "model" / "digits.joblib")
    images = [[int(pixel) for pixel in image] for image in held_out]
    rows = [{"answer": int(digit), "data": image} for image, digit in zip(images, held_out_digits, strict=True)]
    save_lines(rows, into / "held-out.jsonl")
    sevens = [row["data"] for row in rows if row["answer"] == 7]
    clearest = max(sevens, key=lambda image: models["model-1"].predict_proba([image])[0][7])
    save_request(clearest, into / "sample-request.json")


def train_wine(into):
    """Write the three models of wine-cultivars, the held-out wines and the sample request below ``into``."""
    wine = load_wine()
    names = [name.replace("/", "_") for name in wine.feature_names]
    known, held_out, known_kinds, held_out_kinds = train_test_split(
        wine.data, wine.target, test_size=0.3, random_state=SEED, stratify=wine.target
    )
    cultivars = [str(name) for name in wine.target_names]
    models = {
        "linear": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "bayes": GaussianNB(),
        "forest": RandomForestClassifier(n_estimators=60, random_state=SEED),
    }
    for folder, model in models.items():
        model.fit(known, known_kinds)
        report(f"wine/{folder}", model, held_out, held_out_kinds, wine.data, wine.target)
        saved = {"model": model, "measurements": names, "cultivars": cultivars}
        save(saved, into / "wine" / folder / "model" / "wine.joblib")
    rows = [
        {"answer": cultivars[kind], "data": dict(zip(names, map(float, measured), strict=True))}
        for measured, kind in zip(held_out, held_out_kinds, strict=True)
    ]
    save_lines(rows, into / "wine" / "held-out.jsonl")
    sample = next(row["data"] for row in rows if row["answer"] == "class_1")
    save_request(sample, into / "wine" / "sample-request.json")


def report(name, model, held_out, answers, data, all_answers):
    """Print the share of right answers on the held-out part, and as a mean of five-fold cross-validation."""
    folds = cross_val_score(model, data, all_answers, cv=StratifiedKFold(5, shuffle=True, random_state=SEED))
    print(f"{name:12s} held out {model.score(held_out, answers):.4f} of {len(answers)}, five folds {folds.mean():.4f}")


def save(model, path):
    """Write a model, packed: a small file uploads faster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, path, compress=("xz", 6))


def save_lines(rows, path):
    """Write one JSON object per line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))


def save_request(row, path):
    """Write the body of a request; an image eight numbers to a line, so that a person can see the digit."""
    if isinstance(row, dict):
        text = json.dumps({"data": [row]}, indent=2)
    else:
        lines = [", ".join(f"{pixel:2d}" for pixel in row[start : start + 8]) for start in range(0, 64, 8)]
        text = '{\n  "data": [\n    [\n      ' + ",\n      ".join(lines) + "\n    ]\n  ]\n}"
    path.write_text(text + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, default=HERE, help="folder to write to, default the one of this script")
    target = parser.parse_args().into
    train_digits(target)
    train_wine(target)
