#!/usr/bin/env python3
"""Tries an installed wheel with what a clean environment has: try_wheel.py PACKAGE WHEEL. The package with the compiler
writes digits.tenon, which the runtime alone reads. Fails where a wheel is larger than its users were promised.
"""
import importlib
import json
import os
import pathlib
import subprocess
import sys
import time

name, wheel = sys.argv[1:]
start = time.perf_counter()
tenon = importlib.import_module(name)
imported = time.perf_counter() - start
import numpy as np

examples = pathlib.Path(__file__).resolve().parents[2] / "examples"
images = np.load(examples / "digits_images.npy")
if name == "tenon":
    model = tenon.compile(examples / "digits.onnx")
    model.save("digits.tenon")
    np.save("digits_scores.npy", model(images))
    session = tenon.InferenceSession(examples / "digits.onnx")
    assert np.array_equal(session.run(None, {"image": images})[0], model(images))
model = tenon.load("digits.tenon")
scores = model.run({"image": images})["scores"]
assert scores.shape == (len(images), 10), scores.shape
assert np.array_equal(scores, np.load("digits_scores.npy"))
try:
    model(images.astype("d"))
    sys.exit("a wrong type was taken")
except tenon.Error as e:
    assert e.code == "run.dtype", e
assert hasattr(tenon, "compile") == (name == "tenon")
program = pathlib.Path(sys.executable).with_name({"tenon": "tenon", "tenon_runtime": "tenon-run"}[name])
command = [program, *(["run"] if name == "tenon" else []), "digits.tenon", "--fill", "random:1", "--json"]
for words in (command, [sys.executable, "-m", name, *command[1:]]):
    said = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert said["outputs"][0]["name"] == "scores", said
megabytes, most = os.path.getsize(wheel) / 1e6, {"tenon": 60, "tenon_runtime": 3}[name]
print(f"{os.path.basename(wheel)}: {megabytes:.2f} MB, import {1000 * imported:.0f} ms")
assert megabytes < most, f"more than {most} MB"
