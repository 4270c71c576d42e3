#!/usr/bin/env python3
"""Which notes are played? The model of swift-f0 follows the pitch of a melody that this script synthesizes."""
import itertools

import numpy as np
from common import Model, read

RATE = 16000
MELODY = ["A3", "C4", "E4", "A4", "G4", "E4", "C#4", "A3"]
NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]


def hertz(note):
    return 440 * 2 ** ((NAMES.index(note[:-1]) - 9 + 12 * (int(note[-1]) - 4)) / 12)


def name(frequency):
    steps = round(12 * np.log2(frequency / 440)) + 9
    return f"{NAMES[steps % 12]}{4 + steps // 12}"


def play(note, seconds=0.5):
    """A tone with overtones that fades in and out, and a short silence behind it."""
    t = np.arange(int(RATE * seconds)) / RATE
    tone = sum(np.sin(2 * np.pi * k * hertz(note) * t) / k for k in range(1, 6))
    silence = np.zeros(RATE // 10)
    return np.concatenate([0.2 * tone * np.minimum(1, 20 * np.minimum(t, seconds - t)), silence])


def main():
    model = Model("swift-f0", read("swift-f0", "swift_f0/model.onnx"))
    noise = np.random.default_rng(0).standard_normal
    audio = np.concatenate([play(note) for note in MELODY])
    audio = (audio + 0.001 * noise(audio.size)).astype("f")[None]
    inputs = {"audio": audio}
    for value in model.compiled.inputs[1:]:  # the range to look in
        inputs[value.name] = np.array({"fmin": 46.875, "fmax": 2093.75}[value.name], value.dtype)
    pitch, confidence = model(**inputs)
    frames = [name(p) if c > 0.9 else None for p, c in zip(pitch[0], confidence[0])]
    heard = [(note, len(list(run))) for note, run in itertools.groupby(frames)]
    print("played", *MELODY)
    print("heard ", *(note for note, count in heard if note and count > 5))
    model.report(**inputs)


if __name__ == "__main__":
    main()
