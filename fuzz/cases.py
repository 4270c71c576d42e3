"""Cases in the form of ONNX's backend tests (a folder with model.onnx and test_data_set_K/{input,output}_J.pb):
how a random model becomes one, with ONNX Runtime's outputs, and what `try_cases` says about many of them."""
import concurrent.futures as futures
import json
import multiprocessing
import os
import subprocess

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

TOLERANCE = 1e-3  # random graphs cancel and amplify; try_cases has the same
CASE_LIMIT_S = 120


def outputs_of(data, sets):
    """What ONNX Runtime makes of a serialized model; None where it refuses the model."""
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    try:
        run = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        return [run.run(None, inputs) for inputs in sets]
    except Exception:  # its own errors have no common type
        return None


class Judge:
    """ONNX Runtime in a process of its own: a model that kills it is one that it refuses."""

    def __init__(self):
        self.pool = None

    def outputs_of(self, model, sets):
        if self.pool is None:
            self.pool = futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork"))
        try:
            return self.pool.submit(outputs_of, model.SerializeToString(), sets).result()
        except futures.process.BrokenProcessPool:
            self.pool = None
            return None


JUDGE = Judge()


class Case:
    """A model, one dictionary of inputs for each data set, and what ONNX Runtime makes of them: a list of
    outputs for each set, or None where it refuses the model."""

    def __init__(self, model, sets):
        self.model, self.sets = model, sets
        self.expected = JUDGE.outputs_of(model, sets)

    def write(self, folder):
        for k, inputs in enumerate(self.sets):
            place = folder / f"test_data_set_{k}"
            place.mkdir(parents=True)
            outputs = [] if self.expected is None else self.expected[k]
            for kind, arrays in (("input", [inputs[i.name] for i in self.model.graph.input]), ("output", outputs)):
                for j, array in enumerate(arrays):
                    tensor = numpy_helper.from_array(np.asarray(array), f"{kind}_{j}")
                    (place / f"{kind}_{j}.pb").write_bytes(tensor.SerializeToString())
        onnx.save(self.model, folder / "model.onnx")

    def keep(self, folder):
        """Writes the case for `tenon conformance` and test/cases_test.py, with its tolerance."""
        self.write(folder)
        floats = [np.abs(np.asarray(v, "d")) for row in self.expected or [] for v in row if np.issubdtype(v.dtype, np.floating)]
        largest = max([np.max(v[np.isfinite(v)], initial=0) for v in floats], default=0)
        narrow = any(np.asarray(v).dtype == np.float16 for row in self.expected or [] for v in row)
        tolerance = TOLERANCE * (10 if narrow else 1)
        (folder / "tolerance.json").write_text(json.dumps({"rtol": tolerance, "atol": float(tolerance * largest)}) + "\n")


class Verdicts:
    """A running try_cases over folders root/0, root/1, ...: `kinds` waits for what it says."""

    def __init__(self, program, root, limit_s=CASE_LIMIT_S):
        environment = {**os.environ, "TMPDIR": str(root)}
        self.process = subprocess.Popen([program, root, str(limit_s), "random"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    def wait(self, timeout=None):
        """(kind, text) by number of the folder; kind is "" where all is well. Raises subprocess.TimeoutExpired."""
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        result = {}
        for line in out.splitlines():
            row = json.loads(line)
            result[int(row["case"].rsplit("/", 1)[1])] = (row["kind"], row["text"])
        # What a sanitizer or TENON_CHECK printed says more than the signal.
        return {k: (kind, text or (err[-3000:] if kind else "")) for k, (kind, text) in result.items()}
