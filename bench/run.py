#!/usr/bin/env python3
"""The project's benchmark: real architectures beside other engines in one run, as ratios.

usage: ./dev bench [MODEL...] [--threads N] [--rounds R] [--seconds S] [--peers tenon,ort,openvino,mnn]
                   [--seq N] [--past N] [--json OUT]
       ./dev bench --against OTHER/build/bin/tenon [MODEL...] [--threads N] [--rounds R] [--seconds S] [--json OUT]

MODEL is a name of bench/models (default: all). Models are written once to build/models with seeded
weights. Symbolic axes: batch 1, sequences --seq (128), caches --past (512). Ends with the geometric mean of
(fastest f32 peer's time / tenon's time): above 1 means faster than every peer. With --against the only peer is
another build of Tenon; the two take turns round by round, and a model's figure is the median of the rounds' ratios.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from arguments import number  # noqa: E402

F32_PEERS = ("ort", "openvino", "mnn", "iree", "tvm")


def symbol_shapes(path, seq, past):
    """Sizes of the model's symbolic axes by name: what compare.py takes as --shape."""
    import onnx
    names = {d.dim_param for v in onnx.load(path, load_external_data=False).graph.input
             for d in v.type.tensor_type.shape.dim if d.dim_param}
    sizes = {}
    for name in sorted(names):
        lower = name.lower()
        if "past" in lower and "+" not in lower:
            sizes[name] = past
        elif "seq" in lower and "+" not in lower:
            sizes[name] = seq
    return sizes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*")
    parser.add_argument("--threads", type=number("threads"), default=1)
    parser.add_argument("--rounds", type=number("rounds"), default=5)
    parser.add_argument("--seconds", type=number("seconds"), default=0.5)
    parser.add_argument("--peers", default="tenon,ort,openvino")
    parser.add_argument("--against", type=pathlib.Path, help="the tenon of another build, in place of other engines")
    parser.add_argument("--seq", type=number("extent"), default=128)
    parser.add_argument("--past", type=number("extent"), default=512)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    extra = []
    if options.against:
        if not options.against.is_file():
            sys.exit(f"bench: no file '{options.against}'; build the other tree and give its build/bin/tenon")
        options.peers, extra = "against,tenon", ["--against", options.against]
    folder = ROOT / "build/models"
    names = options.models or sorted(p.stem for p in (ROOT / "bench/models").glob("*.onnx"))
    missing = [n for n in names if not (folder / f"{n}.onnx").exists()]
    if missing:
        subprocess.run([sys.executable, ROOT / "bench/models.py", folder, *missing], check=True)
    scores, results = {}, {}
    for name in names:
        path = folder / f"{name}.onnx"
        shapes = [f"--shape={k}={v}" for k, v in symbol_shapes(path, options.seq, options.past).items()]
        out = ROOT / "build/bench.json"
        subprocess.run([sys.executable, ROOT / "bench/compare.py", path, "--tenon", ROOT / "build/bin/tenon", "--peers",
                        options.peers, "--threads", str(options.threads), "--rounds", str(options.rounds), "--seconds",
                        str(options.seconds), "--json", out, *extra, *shapes], check=True)
        table = json.loads(out.read_text())[name]
        results[name] = table
        peers = [table[p]["ms"] for p in F32_PEERS if "ms" in table.get(p, {})]
        if options.against and all("ms" in table.get(p, {}) for p in ("against", "tenon")):
            scores[name] = table["tenon"]["ratio"]
        elif "ms" in table.get("tenon", {}) and peers:
            scores[name] = min(peers) / table["tenon"]["ms"]
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))
    for name, score in scores.items():
        print(f"{name:24} {score:5.2f}x of {'the other build' if options.against else 'the fastest f32 peer'}")
    if scores:
        mean = math.exp(sum(map(math.log, scores.values())) / len(scores))
        print(f"geometric mean over {len(scores)} of {len(names)} models: {mean:.3f}x, least {min(scores.values()):.3f}x")


if __name__ == "__main__":
    main()
