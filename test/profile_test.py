#!/usr/bin/env python3
"""What `tenon profile` says, as text, JSON, trace and page; `run --trace`. The page is opened by Chromium."""
import json
import unittest

import numpy as np
from onnx import TensorProto, helper

from browser import Browser
from harness import Case, attention, mlp, model
from trace_check import problems

ATTACK = "</script><img src=x onerror=alert(1)>"
QUICK = ["--repeat", 2, "--threads", 2]


def hostile():
    """Names of node, input, output, symbol and weight that would be markup."""
    nodes = [helper.make_node("MatMul", [ATTACK + "in", ATTACK + "w"], ["a"], name=ATTACK + "node"),
             helper.make_node("Relu", ["a"], [ATTACK + "out"], name="'\"&lt;`${alert(1)}")]
    return model(nodes, [(ATTACK + "in", TensorProto.FLOAT, [ATTACK + "n", 4])], [(ATTACK + "out", [ATTACK + "n", 3])],
                 [(ATTACK + "w", np.ones((4, 3), "f"))])


def decides_at_run_time():
    """A loop and a branch."""
    body = helper.make_graph(
        [helper.make_node("Add", ["v", "x"], ["w"]), helper.make_node("Tanh", ["w"], ["next"]), helper.make_node("Identity", ["c"], ["d"])],
        "body", [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("c", TensorProto.BOOL, []),
                 helper.make_tensor_value_info("v", TensorProto.FLOAT, ["n"])],
        [helper.make_tensor_value_info("d", TensorProto.BOOL, []), helper.make_tensor_value_info("next", TensorProto.FLOAT, ["n"])])
    nodes = [helper.make_node("Loop", ["trips", "", "x"], ["y"], body=body)]
    return model(nodes, [("x", TensorProto.FLOAT, ["n"])], [("y", ["n"])], [("trips", np.array(5, np.int64))])


class Profile(Case):
    def report(self, path, *more):
        return json.loads(self.good("profile", path, "--json", *QUICK, *more))

    def test_report_adds_up(self):
        path = self.save("m.onnx", attention()[0])
        r = self.report(path, "--shape", "batch=2", "--shape", "seq=7")
        self.assertEqual((r["schema"], r["threads"]), ("tenon.profile/1", 2))
        self.assertEqual(r["model"]["given_shapes"], [[2, 7]])
        total = sum(k["time_s"] for k in r["kernels"])
        self.assertAlmostEqual(r["kernel_time_s"], total, 9)
        self.assertAlmostEqual(sum(o["time_s"] for o in r["operators"]), total, 9)
        self.assertEqual(sum(o["flops"] for o in r["operators"]), r["flops"])
        self.assertEqual([k["time_s"] for k in r["kernels"]], sorted((k["time_s"] for k in r["kernels"]), reverse=True))
        calls = [n for n in r["graph"] if n["kind"] == "kernel"]
        self.assertEqual(len(calls), sum(k["calls"] for k in r["kernels"]))
        self.assertAlmostEqual(sum(n["time_s"] for n in calls), total, 9)
        for node in r["graph"]:
            self.assertTrue(all(read["node"] < len(r["graph"]) for read in node.get("reads", [])))
        for kernel in r["kernels"]:
            self.assertIn("kernel @", r["code"][kernel["code"]]["definition"])
        self.assertIn("fuse", [p["name"] for p in r["passes"]])
        t = r["timeline"]
        self.assertTrue(all(0 <= begin and begin + took <= t["time_us"] + 1 for _, _, begin, took in t["events"]))
        live = [size for _, _, size in t["memory"]]
        self.assertTrue(0 < max(live) <= r["memory_bytes"]["arena"], (live, r["memory_bytes"]))

    def test_text_has_operators_and_kernels(self):
        text = self.good("profile", self.save("m.onnx", mlp()[0]), *QUICK, "--top", 1)
        self.assertRegex(text, r"latency: median [\d.]+ ms")
        bars = {lang: self.good("profile", self.folder / "m.onnx", *QUICK, env={"LC_ALL": lang}) for lang in ["C", "C.UTF-8"]}
        self.assertIn("####", bars["C"])
        self.assertTrue(bars["C"].isascii())
        self.assertIn("████", bars["C.UTF-8"])
        self.assertIn("dot in ", text)
        self.assertRegex(text, r"\d+ more kernels; --top \d+ shows all|slowest kernels")

    def test_compiled_file_has_no_graph(self):
        path = self.folder / "m.tenon"
        self.good("compile", self.save("m.onnx", mlp()[0]), "-o", path)
        r = self.report(path)
        self.assertFalse({"graph", "code", "passes"} & set(r))
        self.assertGreater(len(r["kernels"]), 0)
        self.good("profile", path, *QUICK, "--html", self.folder / "r.html", "--trace", self.folder / "t.json")
        self.assertEqual(problems(json.loads((self.folder / "t.json").read_text())), [])
        self.bad("profile", path, "--emit-onnx", self.folder / "o.onnx", status=2, says="holds no graph")

    def test_seconds_are_measured_through(self):
        report = json.loads(self.good("profile", self.save("m.onnx", mlp()[0]), "--json", "--seconds", 0.1))
        self.assertGreater(report["latency_s"]["count"], 10)

    def test_comparison(self):
        path = self.save("m.onnx", mlp()[0])
        before = self.folder / "before.json"
        before.write_text(json.dumps(self.report(path)))
        page = self.folder / "page.html"
        text = self.good("profile", path, *QUICK, "--against", before, "--html", page)
        self.assertRegex(text, r"against .*before\.json: median [\d.]+ ms then, [\d.]+ ms now")
        # A page is a report too.
        self.assertIn("against", self.good("profile", path, *QUICK, "--against", page))

    def test_what_is_no_report_is_refused(self):
        path = self.save("m.onnx", mlp()[0])
        other = self.folder / "other.json"
        for text, says in [("", "[profile.format]"), ("[1, 2", "[profile.format]"), ("{}", "[profile.format]"), ("[" * 100000, "[profile.format]"),
                           ('{"schema": "tenon.profile/1x"}', "[profile.format]"),
                           ('{"schema": "tenon.profile/1", "kernels": 3}', "[profile.format]"),
                           ('{"schema": "tenon.profile/99"}', ["version 99", "[profile.version]"]),
                           ('<script id="report" type="application/json">{}', "[profile.format]")]:
            other.write_text(text)
            self.bad("profile", path, *QUICK, "--against", other, says=says)
        self.bad("profile", path, *QUICK, "--against", self.folder / "none.json", says="none.json")
        self.bad("profile", path, *QUICK, "--html", self.folder / "no" / "folder.html", says="folder.html")

    def test_names_that_are_not_utf8(self):
        path = self.folder / "m.onnx"
        path.write_bytes(mlp()[0].SerializeToString().replace(b"batch", b"ba\xff\xfeh"))
        for arguments in [["profile", *QUICK], ["bench", "--repeat", 1]]:
            self.assertIn("ba\ufffd\ufffdh", json.dumps(json.loads(self.good(*arguments, path, "--json")), ensure_ascii=False))
        self.good("profile", path, *QUICK, "--html", self.folder / "r.html", "--trace", self.folder / "t.json")
        json.loads((self.folder / "t.json").read_text())

    def test_files_are_written_whole_or_not(self):
        self.bad("profile", self.save("m.onnx", mlp()[0]), *QUICK, "--trace", self.folder / "no" / "t.json", says="t.json")
        self.assertEqual(self.temporary_files(), [])


class Trace(Case):
    def check(self, path):
        trace = json.loads(path.read_text())
        self.assertEqual(problems(trace), [])
        return [e for e in trace["traceEvents"] if e["ph"] == "X"], [e for e in trace["traceEvents"] if e["ph"] == "C"]

    def test_profile_and_run(self):
        path = self.save("m.onnx", attention()[0])
        out = self.folder / "t.json"
        inputs = ["--fill", "random:0", "--shape", "batch=2", "--shape", "seq=40"]
        self.good("profile", path, *QUICK, "--trace", out, *inputs)
        work, counts = self.check(out)
        self.assertTrue({"read", "fuse", "compile_kernels", "package", "run"} <= {e["name"] for e in work})
        self.assertTrue({e["cat"] for e in work} == {"pass", "kernel", "step", "run"})
        self.assertTrue(any(e["pid"] == 2 and e["tid"] == 2 for e in work), "a second thread takes part")
        self.assertGreater(max(e["args"]["bytes"] for e in counts), 0)
        text = self.good("run", path, "--trace", out, "--threads", 1, *inputs)
        self.assertIn("y ", text)
        self.check(out)
        self.assertEqual(text, self.good("run", path, "--threads", 1, *inputs))

    def test_loops_have_an_event_each_time(self):
        out = self.folder / "t.json"
        self.good("run", self.save("m.onnx", decides_at_run_time()), "--fill", "zeros", "--shape", "n=3", "--trace", out)
        work, _ = self.check(out)
        self.assertEqual(len([e for e in work if e["cat"] == "step" and "tanh" in e["name"]]), 5)

    def test_checker_finds_faults(self):
        def event(**more):
            return {"name": "a", "ph": "X", "ts": 0, "dur": 5, "pid": 1, "tid": 1, "args": {}, **more}

        def trace(*events):
            name = {"name": "thread_name", "ph": "M", "ts": 0, "pid": 1, "tid": 1, "args": {"name": "t"}}
            return {"displayTimeUnit": "ms", "traceEvents": [name, *events]}

        self.assertEqual(problems(trace(event(), event(ts=1, dur=2), event(ts=5))), [])
        for bad in [event(ph="Q"), event(name=""), event(ts=-1), event(dur=-1), event(dur=None), event(tid="1"), event(args=None),
                    event(ph="C", args={"bytes": "9"}), event(tid=7), event(ts=3, dur=9)]:
            self.assertGreaterEqual(len(problems(trace(event(), bad))), 1, bad)
        self.assertTrue(problems({}))


class Page(Case):
    @classmethod
    def setUpClass(cls):
        cls.browser = cls.enterClassContext(Browser())

    def open(self, path, **more):
        self.browser.open(path, **more)
        self.assertEqual(self.browser.problems, [])
        self.assertEqual(self.browser.evaluate("document.documentElement.dataset.ready"), "yes")

    def page_of(self, proto, *more):
        page = self.folder / "report.html"
        self.good("profile", self.save("m.onnx", proto), *QUICK, "--html", page, *more)
        self.assertLess(page.stat().st_size, 2_000_000)
        return page

    def column(self, i):
        return self.browser.evaluate(f"[...document.querySelectorAll('#kernel-table tbody tr')].map((r) => r.cells[{i}].textContent)")

    def test_table_sorts_searches_and_opens(self):
        before = self.folder / "before.html"
        before.write_text(self.page_of(attention()[0]).read_text())
        page = self.page_of(attention()[0], "--shape", "batch=3", "--shape", "seq=20", "--against", before)
        for dark in [False, True]:
            self.open(page, dark=dark)
        names = self.column(0)
        self.assertGreater(len(names), 3)
        click = "document.querySelectorAll('#kernel-table thead button')[{}].click()"
        self.browser.evaluate(click.format(0))
        self.assertEqual(self.column(0), sorted(names, key=str.lower))
        self.browser.evaluate(click.format(0))
        self.assertEqual(self.column(0), sorted(names, key=str.lower, reverse=True))
        self.assertEqual(self.browser.evaluate("document.querySelector('#kernel-table th').getAttribute('aria-sort')"), "descending")
        self.browser.evaluate("(() => { const s = document.getElementById('kernel-search'); s.value = 'layer_norm';"
                              " s.dispatchEvent(new Event('input')); })()")
        found = self.column(0)
        self.assertTrue(0 < len(found) < len(names) and all("layer_norm" in name for name in found), found)
        self.browser.evaluate("document.querySelector('#kernel-table tbody tr').click()")
        self.assertIn("kernel @layer_norm", self.browser.evaluate("document.getElementById('detail').textContent"))
        self.browser.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
        self.assertTrue(self.browser.evaluate("document.getElementById('detail').hidden"))
        for section in ["summary", "comparison", "operators", "roofline", "timeline", "graph", "passes", "machine"]:
            self.assertTrue(self.browser.evaluate(f"document.querySelector('#{section}').getBoundingClientRect().height > 40"), section)
        self.browser.evaluate("document.querySelectorAll('#timeline button, #graph button').forEach((b) => b.click())")
        self.browser.evaluate("document.querySelectorAll('.node').forEach((n) => n.dispatchEvent(new Event('click')))")
        self.assertEqual(self.browser.problems, [])

    def test_loops_and_tiny_screens(self):
        page = self.page_of(decides_at_run_time())
        self.open(page, width=360, height=640)
        self.assertLessEqual(self.browser.evaluate("document.documentElement.scrollWidth"), 380)
        self.assertIn("loop of ", self.browser.evaluate("document.getElementById('graph').textContent"))

    def test_hostile_names_stay_text(self):
        before = self.folder / "before.json"
        path = self.save("h.onnx", hostile())
        before.write_text(self.good("profile", path, "--json", *QUICK))
        page = self.page_of(hostile(), "--against", before)
        self.open(page)
        self.browser.evaluate("document.querySelectorAll('#kernel-table tbody tr, .node').forEach((n) => n.dispatchEvent(new Event('click')))")
        self.browser.evaluate("document.querySelectorAll('summary').forEach((s) => s.click())")
        self.assertEqual(self.browser.problems, [])
        self.assertEqual(self.browser.evaluate("document.querySelectorAll('img, iframe, object').length"), 0)
        self.assertEqual(self.browser.evaluate("document.scripts.length"), 3)
        shown = self.browser.evaluate("document.body.innerText + document.getElementById('graph').textContent")
        for name in ["in", "out"]:
            self.assertIn(ATTACK + name, shown)
        self.assertNotIn(ATTACK, page.read_text())


if __name__ == "__main__":
    unittest.main()
