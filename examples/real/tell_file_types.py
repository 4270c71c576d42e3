#!/usr/bin/env python3
"""What kind of file is it? The model of magika on bytes of many kinds, by content alone."""
import gzip
import io
import json
import sqlite3
import sys
import tarfile
import zipfile
import zlib

import numpy as np
from common import ROOT, Model, read

FOLDER = "magika/models/standard_v3_3"


def png(size=32):
    """A picture in the smallest form that the format allows."""
    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
    rows = b"".join(b"\0" + bytes((x * y) % 256 for x in range(size)) for y in range(size))
    head = size.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def archive():
    to = io.BytesIO()
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(__file__, "script.py")
        file.write(ROOT / "README.md", "README.md")
    return to.getvalue()


def tar():
    to = io.BytesIO()
    with tarfile.open(fileobj=to, mode="w") as file:
        file.add(__file__, "script.py")
    return to.getvalue()


def database():
    held = sqlite3.connect(":memory:")
    held.execute("create table t(name text, size integer)")
    return held.serialize()


def npy():
    to = io.BytesIO()
    np.save(to, np.arange(1000.0))
    return to.getvalue()


def samples():
    """What a person calls the file, and its bytes."""
    text = (ROOT / "README.md").read_bytes()
    return {
        "python": open(__file__, "rb").read(), "markdown": text, "cpp": (ROOT / "src/support/hash.cc").read_bytes(),
        "cmake": (ROOT / "CMakeLists.txt").read_bytes(), "shell": (ROOT / "dev").read_bytes(),
        "json": (ROOT / "CMakePresets.json").read_bytes(), "toml": (ROOT / "python/pyproject.toml").read_bytes(),
        "onnx": (ROOT / "examples/digits.onnx").read_bytes(), "elf": open(sys.executable, "rb").read(),
        "png": png(), "zip": archive(), "tar": tar(), "gzip": gzip.compress(text), "sqlite": database(), "npy": npy(),
        "html": b"<!DOCTYPE html><html><head><title>Tenon</title></head><body><p>Hello</p></body></html>",
        "sql": b"SELECT name, size FROM files WHERE size > 100 ORDER BY size DESC LIMIT 10;\n" * 3,
    }


def features(data, config):
    """The first and last bytes of the content without blanks around, filled up with a token of its own."""
    first = np.full(config["beg_size"], config["padding_token"], "i4")
    last = np.full(config["end_size"], config["padding_token"], "i4")
    head = np.frombuffer(data[:config["block_size"]].lstrip()[:first.size], "u1")
    tail = np.frombuffer(data[-config["block_size"]:].rstrip()[-last.size:], "u1")
    first[:head.size] = head
    last[last.size - tail.size:] = tail
    return np.concatenate([first, last])


def main():
    config = json.loads(read("magika", f"{FOLDER}/config.min.json"))
    model = Model("magika", read("magika", f"{FOLDER}/model.onnx"))
    files = samples()
    batch = np.stack([features(data, config) for data in files.values()])
    scores, = model(bytes=batch)
    for kind, row in zip(files, scores):
        best = row.argmax()
        print(f"{kind:9} -> {config['target_labels_space'][best]:9} {100 * row[best]:5.1f} %")
    model.report(bytes=batch[:1])


if __name__ == "__main__":
    main()
