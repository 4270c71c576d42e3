#!/usr/bin/env python3
"""Classifies the held-out digits of examples/ with build/bin/tenon and draws some of them.

Run by ./dev demo. Needs numpy and the built compiler; the work is done by the command line.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
TENON = HERE.parent / "build/bin/tenon"
SHADES = " .:-=+*#%@"
SHOWN = 8


def tenon(*arguments):
    done = subprocess.run([TENON, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stdout


def draw(images, captions):
    for row in range(8):
        print("   ".join("".join(SHADES[round(float(p) * 9)] * 2 for p in image[0, row]) for image in images))
    print("   ".join(caption.ljust(16) for caption in captions))
    print()


def main():
    model, images_file = HERE / "digits.onnx", HERE / "digits_images.npy"
    images, labels = np.load(images_file), np.load(HERE / "digits_labels.npy")
    with tempfile.TemporaryDirectory() as work:
        tenon("run", model, "--input", f"image={images_file}", "--save", work)
        scores = np.load(pathlib.Path(work) / "scores.npy")
    predicted = scores.argmax(1)
    right = predicted == labels
    wrong = np.flatnonzero(~right)
    picks = [*range(SHOWN - len(wrong[:2])), *wrong[:2]]
    for start in range(0, len(picks), 4):
        chosen = picks[start:start + 4]
        draw(images[chosen], [f"-> {predicted[i]}" + ("" if right[i] else f"  (is {labels[i]})") for i in chosen])
    latency = json.loads(tenon("bench", model, "--shape", "batch=1", "--threads", 1, "--seconds", 0.5, "--json"))["latency_s"]
    print(f"accuracy {100 * right.mean():.2f} % on {len(labels)} held-out images")
    print(f"latency  {1e6 * latency['median']:.1f} us an image (median of {latency['count']} runs, 1 thread)")


if __name__ == "__main__":
    main()
