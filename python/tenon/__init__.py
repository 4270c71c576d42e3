"""Compiles deep-learning models and runs them.

    model = tenon.compile("digits.onnx")   # or tenon.load("digits.tenon")
    scores = model(images)
    model.save("digits.tenon")
"""
from ._core import Bound, Error, Model, Pool, ProfileRow, Value, __version__, compile, load

__all__ = ["Bound", "Error", "Model", "Pool", "ProfileRow", "Value", "compile", "load"]
