"""Compiles deep-learning models and runs them.

    model = tenon.compile("digits.onnx")   # or tenon.load("digits.tenon")
    scores = model(images)
    model.save("digits.tenon")
"""
from ._core import Bound, Error, Model, Pool, Value, __version__, compile, load
from ._session import InferenceSession, SessionOptions
from .graph import Graph, Node
from .schedule import Kernel

__all__ = ["Bound", "Error", "Graph", "InferenceSession", "Kernel", "Model", "Node", "Pool", "SessionOptions", "Value",
           "compile", "load"]
