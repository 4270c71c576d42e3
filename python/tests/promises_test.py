#!/usr/bin/env python3
"""What users of such packages complain about elsewhere: threads that spin, memory of further instances, servers that fork."""
import gc
import os
import signal
import threading
import time
import unittest
import warnings

import numpy as np
import tenon

from models import Case, add, slow


def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Idle(Case):
    def test_threads_that_wait_take_no_time(self):
        m = tenon.compile(slow(4, 128), threads=2)
        x = np.ones((64, 128), "f")
        m(x)
        best = 1
        for _ in range(5):  # other threads of this process may have something to end
            m(x)
            time.sleep(0.05)  # they spin for a moment, since the next run may come
            start, used = time.perf_counter(), time.process_time()
            time.sleep(0.2)
            best = min(best, (time.process_time() - used) / (time.perf_counter() - start))
        self.assertLess(best, 0.02)


class Memory(Case):
    def test_a_further_instance_takes_its_arena_and_no_weights(self):
        m = tenon.compile(slow(40, 256), threads=1)  # 10 MB of weights
        self.assertGreaterEqual(m.constant_bytes, 10 << 20)
        x = np.ones((16, 256), "f")  # tensors of 16 KB
        first = m.bind({"x": x})
        first()
        before = resident()
        more = [m.bind({"x": x}) for _ in range(20)]
        for bound in more:
            bound()
        self.assertLess(resident() - before, 20 << 17)  # 128 KB each

    def test_threads_at_once_take_an_instance_each_and_no_weights(self):
        m = tenon.compile(slow(40, 256), threads=1)
        x = np.ones((16, 256), "f")
        m(x)
        before = resident()
        threads = [threading.Thread(target=lambda: [m(x) for _ in range(5)]) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertLess(resident() - before, 4 << 20)

    def test_is_flat_over_compilations(self):
        proto = add().SerializeToString()
        x = np.ones((2, 3), "f")
        for _ in range(20):
            tenon.compile(proto, threads=1)(x, x)
        before = resident()
        for _ in range(60):
            tenon.compile(proto, threads=1)(x, x)
        self.assertLess(resident() - before, 4 << 20)


class Pools(Case):
    def test_two_models_on_one_pool_take_no_more_than_its_threads(self):
        pool = tenon.Pool(2)
        x = np.ones((256, 256), "f")
        models = [tenon.compile(slow(20), pool=pool) for _ in range(2)]
        expected = models[0](x)
        end = threading.Event()
        wrong = []

        def work(model):
            while not end.is_set():
                if not np.array_equal(model(x), expected):
                    wrong.append(model)
        # The two that call take turns in the pool: its one other thread and they are all that works.
        before = len(os.listdir("/proc/self/task"))
        callers = [threading.Thread(target=work, args=[m]) for m in models]
        for t in callers:
            t.start()
        time.sleep(0.2)
        self.assertLessEqual(len(os.listdir("/proc/self/task")), before + 2)
        end.set()
        for t in callers:
            t.join()
        self.assertEqual(wrong, [])


class Prefork(Case):
    def test_a_server_that_forks_its_workers_serves(self):
        """The model is loaded, and has run with threads, before the workers are forked; all of them answer requests at
        once, and end when they are told to."""
        m = tenon.compile(slow(4, 64), threads=2)
        x = np.random.default_rng(6).standard_normal((300, 64)).astype("f")
        expected = m(x).tobytes()
        workers = []
        for _ in range(4):
            request, ask = os.pipe()
            answer, give = os.pipe()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of fork in a process with threads
                pid = os.fork()
            if pid == 0:
                try:
                    signal.alarm(60)
                    os.close(ask)
                    while os.read(request, 1):
                        os.write(give, b"1" if m(x).tobytes() == expected else b"0")
                    os._exit(0)
                finally:
                    os._exit(1)
            os.close(request)
            os.close(give)
            workers.append((pid, ask, answer))
        for _ in range(5):
            for _, ask, _ in workers:
                os.write(ask, b"?")
            self.assertEqual(m(x).tobytes(), expected)
            for _, _, answer in workers:
                self.assertEqual(os.read(answer, 1), b"1")
        for pid, ask, answer in reversed(workers):  # later ones hold the pipes of those before
            os.close(ask)
            os.close(answer)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)


if __name__ == "__main__":
    unittest.main()
