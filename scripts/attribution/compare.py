"""Compares the attribution models with a published implementation, on generated paths.

    python3 -m venv .venv && .venv/bin/pip install -r scripts/attribution/requirements.txt
    .venv/bin/python scripts/attribution/compare.py [paths] [seed]

Each path is judged three times: by Grapevine (main.go beside this file), by the package
marketing_attribution_models, and by the contract's own words in exact numbers (below).
Grapevine must equal the third to the part per million. The package works in floating
point and does not round: the two must lie within one ppm a touch of each other.
"""

import json
import random
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal, getcontext
from fractions import Fraction
from pathlib import Path

import polars as pl
from mam.core import MAM

getcontext().prec = 80
WHOLE = 1_000_000
MODELS = ["last_click", "first_click", "linear", "position_based", "time_decay"]


def generate(n, seed):
    """Paths of 1 to 12 touches of up to 5 referrers, oldest first, some at one moment."""
    rng = random.Random(seed)
    paths = []
    for _ in range(n):
        touches = rng.choice([1, 2, 3, rng.randint(1, 12)])
        minutes = sorted((rng.choice([0, 60, 10080, rng.randint(0, 43200)]) for _ in range(touches)), reverse=True)
        paths.append([{"referrer": rng.choice("abcde"), "minutes": m} for m in minutes])
    return paths


def contract(model, path, half_life):
    """Credits by the words of the contract, section 4, in exact numbers."""
    n = len(path)
    if model == "last_click":
        weights = [Fraction(0)] * (n - 1) + [Fraction(1)]
    elif model == "first_click":
        weights = [Fraction(1)] + [Fraction(0)] * (n - 1)
    elif model == "linear":
        weights = [Fraction(1)] * n
    elif model == "position_based":
        weights = [Fraction(1)] * n if n <= 2 else [Fraction(2, 5)] + [Fraction(1, 5 * (n - 2))] * (n - 2) + [Fraction(2, 5)]
    else:
        newest = path[-1]["minutes"]
        weights = [Fraction(Decimal(2) ** (-Decimal(t["minutes"] - newest) / (half_life * 60))) for t in path]
    exact = [w * WHOLE / sum(weights) for w in weights]
    ppm = [int(share) for share in exact]
    by_remainder = sorted(range(n), key=lambda i: (ppm[i] - exact[i], i))
    for i in by_remainder[: WHOLE - sum(ppm)]:
        ppm[i] += 1
    credits = defaultdict(int)
    for touch, part in zip(path, ppm):
        credits[touch["referrer"]] += part
    return dict(credits)


def ours(paths, half_life):
    lines = "\n".join(json.dumps({"half_life_hours": half_life, "touches": p}) for p in paths)
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run(["go", "run", "./scripts/attribution"], cwd=root, input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def published(paths, half_life):
    """Shares of each path by model and referrer, as the package computes them."""
    frame = pl.DataFrame({
        "journey_id": [str(i) for i in range(len(paths))],
        "journey": [" > ".join(t["referrer"] for t in p) for p in paths],
        "conversion": [True] * len(paths),
        "time_till_end": [" > ".join(str(t["minutes"] / 60) for t in p) for p in paths],
    })
    mam = MAM(df=frame, format_type="journey", channels_colname="journey", journey_with_conv_colname="conversion",
              time_till_conv_colname="time_till_end", user_id_colname="journey_id")
    raw = {
        "last_click": (mam.run_last_click(), "attribution_channel", "attribution_value"),
        "first_click": (mam.run_first_click(), "attribution_channel", "attribution_value"),
        "linear": (mam.run_linear(), "channels", "split_value"),
        "position_based": (mam.run_position_based(), "channels", "attribution_value"),
        "time_decay": (mam.run_time_decay(half_life_hours=float(half_life)), "channels", "attribution_value"),
    }
    shares = {model: [defaultdict(float) for _ in paths] for model in MODELS}
    for model, (result, who, value) in raw.items():
        rows = result.to_raw_polars()
        if rows.schema[who] == pl.List or isinstance(rows.schema[who], pl.List):
            rows = rows.explode(who)
        for journey, channel, share in rows.select("journey_id", who, value).iter_rows():
            shares[model][int(journey)][channel] += share
    return shares


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    failed = False
    for half_life in (168, 24):
        paths = generate(n, seed + half_life)
        own, theirs = ours(paths, half_life), published(paths, half_life)
        for model in MODELS:
            apart, worst = 0, 0.0
            for i, path in enumerate(paths):
                credits = {r: c for r, c in own[i][model].items() if c}
                exact = {r: c for r, c in contract(model, path, half_life).items() if c}
                if credits != exact or sum(credits.values()) != WHOLE:
                    apart += 1
                    print(f"{model}: {path}: {credits}, by the contract {exact}")
                worst = max([worst] + [
                    abs(credits.get(r, 0) - WHOLE * theirs[model][i].get(r, 0.0)) / sum(t["referrer"] == r for t in path)
                    for r in {t["referrer"] for t in path}
                ])
            failed = failed or apart > 0 or worst >= 1
            print(f"half-life {half_life:3}h  {model:14}  {n} paths: {apart} apart from the contract, at most {worst:.3f} ppm a touch from the package")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
