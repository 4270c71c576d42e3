"""Speech that espeak-ng says, as the examples need it: one channel of 16,000 samples a second."""
import io
import subprocess
import wave

import numpy as np
from scipy.signal import resample_poly

from common import absent

RATE = 16000


def say(text, voice="en-us", speed=150):
    """The samples of a spoken text, without silence around it; from -1 to 1."""
    try:
        sound = subprocess.run(["espeak-ng", "-v", voice, "-s", str(speed), "--stdout", text], capture_output=True, check=True)
    except FileNotFoundError:
        absent("espeak-ng is not installed; it is a package of Debian")
    return trimmed(samples(sound.stdout))


def samples(file):
    """Of the bytes of a .wav file of 16-bit samples."""
    with wave.open(io.BytesIO(file)) as sound:
        values = np.frombuffer(sound.readframes(1 << 30), "<i2").astype("f") / 32768
        values = values.reshape(-1, sound.getnchannels()).mean(1)
        return resample_poly(values, RATE, sound.getframerate()).astype("f")


def trimmed(values, least=0.01):
    loud = np.flatnonzero(np.abs(values) > least)
    return values[loud[0]:loud[-1] + 1] if loud.size else values


def silence(seconds):
    return np.zeros(int(RATE * seconds), "f")
