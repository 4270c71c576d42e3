#!/usr/bin/env python3
"""When does somebody speak? silero-vad hears a sound in chunks of 32 ms and keeps its state from chunk to chunk.

usage: find_speech.py [SOUND.wav] [--threads N]

Without a sound this script has espeak-ng say three sentences, with pauses and noise.
"""
import argparse
import pathlib

import numpy as np

from common import Model, read
from speech import RATE, samples, say, silence

CHUNK, CONTEXT = 512, 64


def spoken():
    """A sound, and where in it sentences begin and end, in seconds."""
    sentences = [say("Good morning everybody."), say("The compiler is ready."),
                 say("Thank you very much, and see you tomorrow.", speed=130)]
    sound, intervals = silence(1), []
    for sentence, pause in zip(sentences, (1.5, 2, 1)):
        intervals.append((sound.size / RATE, (sound.size + sentence.size) / RATE))
        sound = np.concatenate([sound, sentence, silence(pause)])
    return sound + 0.002 * np.random.default_rng(0).standard_normal(sound.size).astype("f"), intervals


class Listener:
    """One stream of sound: takes a chunk, gives the probability that somebody speaks in it."""

    def __init__(self, model):
        self.model = model
        self.state = np.zeros((2, 1, 128), "f")
        self.window = np.zeros((1, CONTEXT + CHUNK), "f")  # the end of the chunk before stands in front

    def inputs(self):
        return {"input": self.window, "state": self.state, "sr": np.array(RATE)}

    def hear(self, chunk):
        self.window[:, :CONTEXT] = self.window[:, -CONTEXT:]
        self.window[:, CONTEXT:] = chunk
        speech, self.state = self.model(**self.inputs())
        return speech[0, 0]


def intervals(probabilities, begin=0.5, end=0.35, pause=0.3, least=0.25):
    """Where probabilities are high, in seconds; a short silence ends nothing, a short noise is nothing."""
    found, start, quiet = [], None, 0
    step = CHUNK / RATE
    for i, p in enumerate(probabilities):
        if start is None and p >= begin:
            start = i
        quiet = quiet + 1 if p < end else 0
        if start is not None and quiet * step >= pause:
            found.append((start * step, (i + 1 - quiet) * step))
            start = None
    if start is not None:
        found.append((start * step, len(probabilities) * step))
    return [(a, b) for a, b in found if b - a >= least]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sound", nargs="?")
    parser.add_argument("--threads", type=int, help="of both engines (1)")
    options = parser.parse_args()
    model = Model("silero-vad", read("silero-vad", "silero_vad/data/silero_vad.onnx"))
    if options.sound:
        sound, said = samples(pathlib.Path(options.sound).read_bytes()), []
    else:
        sound, said = spoken()
    for a, b in said:
        print(f"said   {a:5.2f} s to {b:5.2f} s")
    listener = Listener(model)
    chunks = sound[:sound.size // CHUNK * CHUNK].reshape(-1, CHUNK)
    for a, b in intervals([listener.hear(chunk) for chunk in chunks]):
        print(f"speech {a:5.2f} s to {b:5.2f} s")
    model.report(**listener.inputs())


if __name__ == "__main__":
    main()
