#!/usr/bin/env python3
"""What `tenon bench` prints, from outside."""
import json
import signal
import subprocess
import time
import unittest

import numpy as np
from onnx import TensorProto, helper

from harness import TENON, Case, mlp, model


class Bench(Case):
    def test_counts_integer_products_as_those_of_floats(self):
        proto = model([helper.make_node("MatMulInteger", ["x", "w"], ["y"])], [("x", TensorProto.UINT8, [8, 64])], [],
                      [("w", np.ones((64, 32), np.int8))])
        proto.graph.output.append(helper.make_tensor_value_info("y", TensorProto.INT32, [8, 32]))
        bench = json.loads(self.good("bench", self.save("m.onnx", proto), "--json", "--repeat", 1, "--threads", 1))
        self.assertEqual(bench["flops"], 2 * 8 * 64 * 32)

    def test_chooses_units_for_small_work(self):
        text = self.good("bench", self.save("m.onnx", mlp()[0]), "--repeat", 3, "--threads", 1)
        self.assertRegex(text, r"work: [1-9][0-9.]* [kM]?FLOP, [1-9][0-9.]* [kMG]FLOP/s")

    def test_prints_what_it_measured_when_interrupted(self):
        path = self.save("m.onnx", mlp()[0])
        self.good("bench", path, "--repeat", 1)
        for more in [[], ["--json"]]:
            for wait in [2, 8, 30]:  # on a busy machine the first may come before the measurement
                process = subprocess.Popen([TENON, "bench", str(path), "--seconds", "600", "--threads", "1", *more],
                                           env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                time.sleep(wait)
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=30)
                if process.returncode == 130:
                    break
            self.assertEqual((process.returncode, err), (130, ""))
            if more:
                report = json.loads(out)
                self.assertTrue(report["interrupted"])
                self.assertGreater(report["latency_s"]["count"], 0)
            else:
                self.assertRegex(out, r"over [1-9]\d* runs")


if __name__ == "__main__":
    unittest.main()
