"""Runs models that Tenon has compiled: the part of the package `tenon` that needs no compiler.

    model = tenon_runtime.load("digits.tenon")
    scores = model(images)
"""
from ._core import Bound, Error, Model, Pool, ProfileRow, Value, __version__, load

__all__ = ["Bound", "Error", "Model", "Pool", "ProfileRow", "Value", "load"]
