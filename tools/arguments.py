"""Numbers on the command lines of the Python tools: the range of each, in one table. As argparse types,
so that a number out of its range is an error that names the range."""
import argparse

RANGES = {"threads": (int, 0, 4096), "rounds": (int, 1, 10_000), "seconds": (float, 0, 86_400),
          "limit": (float, 0.001, 86_400), "extent": (int, 0, 2**47), "seed": (int, 0, 2**31 - 1)}


def number(name):
    """The argparse type of the numbers called `name` in the table."""
    kind, least, most = RANGES[name]

    def parse(text):
        try:
            value = kind(text)
            if least <= value <= most:
                return value
        except ValueError:
            pass
        word = "whole number" if kind is int else "number"
        raise argparse.ArgumentTypeError(f"'{text}' is not a {word} from {least} to {most}")

    return parse
