#!/usr/bin/env python3
"""Model.profile: rows of kernels."""
import unittest

import numpy as np
import tenon

from models import COUNTER, Case, add


class Profile(Case):
    def test_rows(self):
        model = tenon.compile(add(), threads=1)
        a, b = np.random.default_rng(2).standard_normal((2, 50000, 3)).astype("f")
        names = [i.name for i in model.inputs]
        rows = model.profile(dict(zip(names, [a, b])), runs=5)
        self.assertGreater(len(rows), 0)
        self.assertEqual([r.seconds for r in rows], sorted((r.seconds for r in rows), reverse=True))
        self.assertAlmostEqual(sum(r.share for r in rows), 1)
        self.assertEqual({r.calls for r in rows}, {1})
        self.assertTrue(all(r.seconds > 0 and r.kernel and r.schedule for r in rows))
        self.assertGreaterEqual(rows[0].bytes, 3 * a.nbytes)
        self.assertIn(rows[0].kernel, repr(rows[0]))

    def test_states_stay(self):
        (self.folder / "count.tir").write_text(COUNTER)
        model = tenon.compile(self.folder / "count.tir")
        model.run({"x": np.ones(2, "f")})
        model.profile({"x": np.ones(2, "f")}, runs=3)
        np.testing.assert_array_equal(model.state("sum"), [1, 1])

    def test_refusals(self):
        model = tenon.compile(add(), threads=1)
        with self.assertRaises(ValueError):
            model.profile({}, runs=0)
        with self.assertRaises(tenon.Error) as caught:
            model.profile({})
        self.assertEqual(caught.exception.code, "run.missing_input")


if __name__ == "__main__":
    unittest.main()
