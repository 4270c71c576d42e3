"""Models as picklable values: the bytes of the compiled model, the number of threads, and the values of states."""
import os
import tempfile

from ._core import load


def reduce(model):
    with tempfile.TemporaryDirectory(prefix="tenon-") as folder:
        path = os.path.join(folder, "model.tenon")
        model.save(path)
        with open(path, "rb") as file:
            compiled = file.read()
    states = {s.name: model.state(s.name) for s in model.states} if model.runs_here else {}
    return restore, (compiled, model._wanted_threads, states)


def restore(compiled, threads, states):
    model = load(compiled, threads=threads, any_cpu=True)
    for name, value in states.items():
        model.set_state(name, value)
    return model
