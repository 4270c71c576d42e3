#!/usr/bin/env python3
"""Has the speaker finished? smart-turn, an int8 model, hears the last eight seconds and says whether a turn is over.

The sentences are spoken by espeak-ng. The model knows people, and with other sentences of a machine it errs more often.
"""
import numpy as np

from common import Model, read
from speech import RATE, say, silence

SECONDS = 8
TURNS = ["Please call me back tomorrow.", "Yes, thank you very much.",
         "What time is", "The thing is that, um"]


def mel_filters(count=80, bins=201):
    """Triangles on the mel scale of Slaney, of equal area: [count, bins]."""
    step = np.log(6.4) / 27
    mel = lambda f: 15 + np.log(f / 1000) / step if f > 1000 else 3 * f / 200  # noqa: E731
    points = np.linspace(0, mel(RATE / 2), count + 2)
    hertz = np.where(points > 15, 1000 * np.exp(step * (points - 15)), 200 * points / 3)[:, None]
    at = np.linspace(0, RATE / 2, bins)
    up, down = (at - hertz[:-2]) / (hertz[1:-1] - hertz[:-2]), (hertz[2:] - at) / (hertz[2:] - hertz[1:-1])
    return np.maximum(0, np.minimum(up, down)) * 2 / (hertz[2:] - hertz[:-2])


def features(sound, window=400, hop=160):
    """The logarithmic spectrum that Whisper models take, of the last eight seconds: [80, 800]."""
    sound = np.concatenate([silence(SECONDS), sound])[-SECONDS * RATE:]
    sound = (sound - sound.mean()) / np.sqrt(sound.var() + 1e-7)
    padded = np.pad(sound.astype("d"), window // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop][:-1]
    power = np.abs(np.fft.rfft(frames * np.hanning(window + 1)[:-1])) ** 2
    spectrum = np.log10(np.maximum(1e-10, mel_filters() @ power.T))
    return ((np.maximum(spectrum, spectrum.max() - 8) + 4) / 4).astype("f")


def main():
    model = Model("smart-turn int8", read("pipecat-ai", "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx"))
    for text in TURNS:
        inputs = features(np.concatenate([say(text), silence(0.2)]))[None]
        over = model(input_features=inputs)[0][0, 0]
        print(f"{'finished' if over > 0.5 else 'goes on ':8} {100 * over:5.1f} %  {text}")
    model.report(input_features=inputs)


if __name__ == "__main__":
    main()
