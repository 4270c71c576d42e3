#!/usr/bin/env python3
"""A model in a process: files and pickles, the GIL, threads, fork, memory, and what the import brings."""
import os
import pickle
import subprocess
import sys
import threading
import time
import unittest
import warnings

import numpy as np
import tenon

from models import COUNTER, Case, add, model, slow


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Files(Case):
    def test_saves_and_loads_by_path_and_bytes(self):
        m = tenon.compile(add())
        path = self.folder / "add.tenon"
        m.save(path)
        x = np.arange(6, dtype="f").reshape(2, 3)
        content = path.read_bytes()
        for source in (path, str(path), content, bytearray(content), memoryview(content)):
            loaded = tenon.load(source)
            np.testing.assert_array_equal(loaded(x, x), x + x)
            self.assertEqual(loaded.target, m.target)
        damaged = bytearray(content)
        damaged[-1] ^= 1
        for source, code in [(damaged, "artifact.checksum"), (content[:100], "artifact.truncated"),
                             (b"", "artifact.magic")]:
            with self.assertRaises(tenon.Error) as caught:
                tenon.load(bytes(source))
            self.assertEqual((caught.exception.code, caught.exception.location), (code, "memory"))
        tenon.load(damaged, verify=False)
        with self.assertRaises(tenon.Error):
            m.save(self.folder / "no" / "such.tenon")
        with self.assertRaises(TypeError):
            tenon.load(3)

    def test_compiles_paths_bytes_and_protobufs(self):
        proto = add()
        path = self.folder / "add.onnx"
        path.write_bytes(proto.SerializeToString())
        x = np.ones((1, 3), "f")
        for source in (path, str(path), proto, proto.SerializeToString(), bytearray(proto.SerializeToString())):
            np.testing.assert_array_equal(tenon.compile(source, threads=1)(x, x), x + x)
        for source, options, code in [(b"nonsense", {}, "onnx."), (self.folder / "no.onnx", {}, "file.open"),
                                      (proto, {"target": "pdp11"}, ""), (proto, {"precision": "f3"}, "")]:
            with self.assertRaises(tenon.Error) as caught:
                tenon.compile(source, **options)
            self.assertTrue(caught.exception.code.startswith(code) and caught.exception.code, caught.exception.code)
        for wrong in (3, None, [proto]):
            with self.assertRaises(TypeError):
                tenon.compile(wrong)
        with self.assertRaises(ValueError):
            tenon.compile(proto, threads=-1)

    def test_declared_shapes_give_way_to_others(self):
        proto = add(shape=(2, 3))
        m = tenon.compile(proto, reshape={"a": ("n", 5), "b": ["n", 5]})
        self.assertEqual([i.shape for i in m.inputs], [("n", 5), ("n", 5)])
        x = np.ones((4, 5), "f")
        np.testing.assert_array_equal(m(x, x), x + x)
        for shapes, error, says in (({"z": (1, 2)}, tenon.Error, "no input; the inputs are a"),
                                    ({"a": (1, 2, 3)}, tenon.Error, "3 axes"), ({"a": (-1, 2)}, tenon.Error, "extent '-1'"),
                                    ({"a": ("max", 3)}, ValueError, "has no x"), ({"a": 3}, TypeError, "by the names"),
                                    ({"a": "2x3"}, TypeError, "dict of tuples"), ({"a": ()}, tenon.Error, "0 axes"),
                                    ({3: (1,)}, TypeError, "by the names"), ([], TypeError, "by the names")):
            with self.assertRaisesRegex(error, says):
                tenon.compile(proto, reshape=shapes)

    def test_names_all_problems_of_a_model(self):
        from onnx import TensorProto, helper
        nodes = [helper.make_node("StringNormalizer", ["x"], ["a"]), helper.make_node("StringConcat", ["a", "a"], ["y"])]
        bad = model(nodes, [("x", TensorProto.STRING, ["n"])], [("y", TensorProto.STRING, ["n"])], opset=20)
        with self.assertRaises(tenon.Error) as caught:
            tenon.compile(bad, name="words.onnx")
        e = caught.exception
        self.assertEqual(e.location, "words.onnx")
        self.assertEqual((e.code, e.message), e.problems[0])
        self.assertEqual(len(str(e).splitlines()), len(e.problems))
        again = pickle.loads(pickle.dumps(e))
        self.assertEqual((again.code, str(again)), (e.code, str(e)))

    def test_a_model_for_another_cpu_is_saved_and_not_run(self):
        m = tenon.compile(add(), target="neoverse-n1")
        self.assertEqual((m.target, m.runs_here), ("neoverse-n1", False))
        m.save(self.folder / "arm.tenon")
        x = np.ones((1, 3), "f")
        with self.assertRaises(tenon.Error) as caught:
            m(x, x)
        self.assertEqual(caught.exception.code, "artifact.cpu")
        with self.assertRaises(tenon.Error):
            tenon.load(self.folder / "arm.tenon")
        self.assertEqual(tenon.load(self.folder / "arm.tenon", any_cpu=True).target, "neoverse-n1")
        self.assertEqual(pickle.loads(pickle.dumps(m)).target, "neoverse-n1")

    def test_pickles_with_its_states(self):
        x = np.arange(6, dtype="f").reshape(2, 3)
        again = pickle.loads(pickle.dumps(tenon.compile(add(), threads=1)))
        np.testing.assert_array_equal(again(x, x), x + x)
        self.assertEqual(again.threads, 1)
        (self.folder / "count.tir").write_text(COUNTER)
        counter = tenon.compile(self.folder / "count.tir")
        counter(np.ones(2, "f"))
        again = pickle.loads(pickle.dumps(counter))
        again(np.ones(2, "f"))
        np.testing.assert_array_equal(again.state("sum"), [2, 2])
        np.testing.assert_array_equal(counter.state("sum"), [1, 1])


class Progress(Case):
    def test_tells_how_far_the_compiler_is(self):
        steps = []
        tenon.compile(add(), progress=lambda what, done, total: steps.append((what, done, total)))
        self.assertGreater(len(steps), 3)
        self.assertTrue(all(what and done >= 0 for what, done, _ in steps))

    def test_ends_by_a_true_result_or_an_exception(self):
        with self.assertRaises(tenon.Error) as caught:
            tenon.compile(add(), progress=lambda *_: True)
        self.assertEqual(caught.exception.code, "compile.stopped")

        def fail(*_):
            raise KeyError("mine")
        with self.assertRaisesRegex(KeyError, "mine"):
            tenon.compile(add(), progress=fail)


class Ticker:
    """Counts in another thread of Python, as long as it gets the GIL."""

    def __enter__(self):
        self.count, self.end = 0, False
        self.thread = threading.Thread(target=self.tick)
        self.thread.start()
        return self

    def tick(self):
        while not self.end:
            self.count += 1
            time.sleep(0.0002)

    def __exit__(self, *_):
        self.end = True
        self.thread.join()


class Threads(Case):
    def assert_released(self, work):
        """Another thread advances during the call: it does as many times as the call has milliseconds, about."""
        best = 0
        for _ in range(5):  # the machine may be busy with something else
            with Ticker() as ticker:
                before, start = ticker.count, time.perf_counter()
                work()
                best = max(best, (ticker.count - before) / (1000 * (time.perf_counter() - start)))
            if best > 0.2:
                return
        self.fail(f"another thread advanced {best:.3f} times a millisecond")

    def test_the_gil_is_released_in_compile_load_run_and_save(self):
        m = tenon.compile(slow(), threads=1)
        path = self.folder / "slow.tenon"
        m.save(path)
        content = path.read_bytes()
        x = np.ones((600, 256), "f")
        self.assert_released(lambda: tenon.compile(slow(4)))
        self.assert_released(lambda: m(x))
        self.assert_released(lambda: m.run({"x": x}))
        self.assert_released(m.bind({"x": x}))
        self.assert_released(lambda: [tenon.load(path) for _ in range(5)])
        self.assert_released(lambda: [tenon.load(content) for _ in range(5)])
        self.assert_released(lambda: [m.save(path) for _ in range(3)])

    def run_in_threads(self, count, work):
        wrong = []

        def guarded(i):
            try:
                work(i)
            except BaseException as e:
                wrong.append(e)
        threads = [threading.Thread(target=guarded, args=[i]) for i in range(count)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])

    def test_sixteen_threads_run_one_model(self):
        m = tenon.compile(add(), threads=2)

        def work(i):
            for n in range(1, 40):
                x = np.full((n * (i + 1) % 23 + 1, 3), i + n, "f")
                np.testing.assert_array_equal(m(x, x), x + x)
        self.run_in_threads(16, work)

    def test_runs_of_a_model_with_states_take_turns(self):
        (self.folder / "count.tir").write_text(COUNTER)
        m = tenon.compile(self.folder / "count.tir", threads=1)
        self.run_in_threads(8, lambda _: [m(np.ones(2, "f")) for _ in range(50)])
        np.testing.assert_array_equal(m.state("sum"), [400, 400])

    def test_models_share_a_pool(self):
        pool = tenon.Pool(2)
        models = [tenon.compile(add(), pool=pool) for _ in range(3)]
        self.assertEqual([m.threads for m in models], [2, 2, 2])
        x = np.ones((4, 3), "f")
        before = threading_count()
        for m in models:
            np.testing.assert_array_equal(m(x, x), x + x)
        self.assertLessEqual(threading_count(), before + 1)
        with self.assertRaises(TypeError):
            tenon.load(b"", pool=pool, threads=2)
        with self.assertRaises(tenon.Error):
            tenon.Pool(-1).threads


def threading_count():
    return len(os.listdir("/proc/self/task"))


class Fork(Case):
    def in_child(self, work):
        """Runs work in a forked child, whose exit status says whether it went well, within a minute."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of fork in a process with threads
            child = os.fork()
        if child == 0:
            status = 1
            try:
                work()
                status = 0
            except BaseException as e:
                print("in the child:", repr(e), file=sys.stderr)
            finally:
                os._exit(status)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                return self.assertEqual(os.waitstatus_to_exitcode(status), 0)
            time.sleep(0.002)
        os.kill(child, 9)
        os.waitpid(child, 0)
        self.fail("the child hangs")

    def test_a_child_runs_compiles_and_loads(self):
        m = tenon.compile(slow(4, 64), threads=2)
        x = np.random.default_rng(4).standard_normal((300, 64)).astype("f")
        expected = m(x)  # with threads that the child lacks
        bound = m.bind({"x": x})
        bound()

        def work():
            for _ in range(3):
                np.testing.assert_array_equal(m(x), expected)
                np.testing.assert_array_equal(bound(), expected)
            again = pickle.loads(pickle.dumps(m))
            np.testing.assert_array_equal(again(x), expected)
            a = np.ones((2, 3), "f")
            np.testing.assert_array_equal(tenon.compile(add(), threads=2)(a, a), a + a)
            self.in_child(lambda: np.testing.assert_array_equal(m(x), expected))
        self.in_child(work)
        np.testing.assert_array_equal(m(x), expected)

    def test_a_child_ends_without_a_run(self):
        m = tenon.compile(add(), threads=2)
        x = np.ones((300, 3), "f")
        m(x, x)
        bound = m.bind({"a": x, "b": x})
        holder = [m, bound]
        del m, bound
        self.in_child(holder.clear)  # releases what the parent made

    def test_states_go_on_in_both(self):
        (self.folder / "count.tir").write_text(COUNTER)
        m = tenon.compile(self.folder / "count.tir", threads=2)
        one = np.ones(2, "f")
        m(one)
        bound = m.bind({"x": one})

        def work():
            m(one)
            bound()
            np.testing.assert_array_equal(m.state("sum"), [2, 2])
            np.testing.assert_array_equal(bound.state("sum"), [2, 2])
        self.in_child(work)
        np.testing.assert_array_equal(m.state("sum"), [1, 1])


class Memory(Case):
    def test_is_flat_over_loads_runs_and_bindings(self):
        path = self.folder / "slow.tenon"
        tenon.compile(slow(4, 64), threads=1).save(path)
        content = path.read_bytes()
        x = np.ones((16, 64), "f")

        def once():
            for source in (path, content):
                m = tenon.load(source, threads=1)
                m(x)
                m.bind({"x": x})()
                try:
                    m(x[:, :3])
                except tenon.Error:
                    pass
        for _ in range(100):
            once()
        before = resident()
        for _ in range(900):
            once()
        self.assertLess(resident() - before, 2 << 20)

    def test_is_flat_over_shapes(self):
        m = tenon.compile(add(), threads=1)
        r = np.random.default_rng(5)
        x = np.ones((400, 3), "f")
        for n in r.integers(1, 400, 500):
            m(x[:n], x[:n])
        before = resident()
        for n in r.integers(1, 400, 10000):
            m(x[:n], x[:n])
        self.assertLess(resident() - before, 2 << 20)


class Import(Case):
    def test_waits_for_no_other_package(self):
        code = "import sys, tenon; print([m for m in ('numpy', 'onnx', 'logging', 'ml_dtypes') if m in sys.modules])"
        self.assertEqual(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout, "[]\n")


if __name__ == "__main__":
    unittest.main()
