#!/usr/bin/env python3
"""The fuzzer's own parts: its random models mean something, a seed repeats, failing ones become small. Run by ctest."""
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "fuzz"))
import graphs  # noqa: E402
from shrink import Shrinker, size_of  # noqa: E402


def operators(nodes):
    for node in nodes:
        yield node.op_type
        for attribute in node.attribute:
            yield from operators(attribute.g.node)


class FuzzTest(unittest.TestCase):
    def test_most_random_models_run_in_onnxruntime(self):
        cases = [graphs.random_case(seed) for seed in range(40)]
        self.assertGreater(sum(case.expected is not None for case in cases), 30)

    def test_a_seed_gives_the_same_model(self):
        first, second = (graphs.random_model(7)[0].SerializeToString() for _ in range(2))
        self.assertEqual(first, second)

    def test_random_models_reach_branches_loops_and_several_types(self):
        models = [graphs.random_model(seed)[0] for seed in range(100)]
        found = {op for model in models for op in operators(model.graph.node)}
        self.assertLessEqual({"If", "Loop", "Gather", "Conv", "MatMul", "Where", "Mod", "Pad"}, found)
        self.assertGreater(len({i.type.tensor_type.elem_type for m in models for i in m.graph.input}), 3)

    def test_a_failing_model_becomes_one_node(self):
        """Stands in for try_cases: a model is bad where it has a Pad."""
        class Pads(Shrinker):
            def kinds(self, cases):
                return ["bad" if "Pad" in operators(c.model.graph.node) else "" for c in cases]
        shrunk = 0
        for seed in range(200):
            case = graphs.random_case(seed)
            if case.expected is None or len(case.model.graph.node) < 8 or "Pad" not in [n.op_type for n in case.model.graph.node]:
                continue
            small = Pads(None, 60).shrink(case, "bad")
            self.assertEqual([n.op_type for n in small.model.graph.node], ["Pad"], seed)
            self.assertEqual(len(small.sets), 1)
            self.assertLess(size_of(small), size_of(case))
            shrunk += 1
            if shrunk == 3:
                return
        self.fail("too few models with a Pad")


if __name__ == "__main__":
    unittest.main()
