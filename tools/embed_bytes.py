#!/usr/bin/env python3
"""Writes a file as the initializer of a byte array in C++.

usage: embed_bytes.py OUT IN
"""
import pathlib
import sys


def main():
    out, source = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    data = source.read_bytes()
    lines = (", ".join(str(b) for b in data[i:i + 32]) for i in range(0, len(data), 32))
    out.write_text(f"// Written by tools/embed_bytes.py from {source.name}.\n" + ",\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
