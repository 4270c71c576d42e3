#!/usr/bin/env python3
"""What commands print with --json is what docs/schemas says. TENON_BIN names the folder of the programs."""
import json
import pathlib
import re
import subprocess
import unittest

import jsonschema
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from harness import TENON, TENON_RUN, Case, mlp, model

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "docs/schemas"
SCHEMAS = {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}


def closed(schema):
    """The schema with no member beside those that it lists: a document that leaves one out is found."""
    if isinstance(schema, list):
        return [closed(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: closed(value) for key, value in schema.items()}
    if out.get("type") == "object" and "properties" in out:
        out.setdefault("additionalProperties", False)
    return out


class Schemas(Case):
    def setUp(self):
        super().setUp()
        self.path = self.save("model.onnx", mlp()[0])
        self.seen = set()

    def holds(self, name, text):
        value = json.loads(text)
        self.assertEqual(value["schema"], f"tenon.{name}/1")
        jsonschema.validate(value, closed(SCHEMAS[name]), cls=jsonschema.Draft202012Validator)
        self.seen.add(name)
        return value

    def test_schemas_are_schemas_of_their_names(self):
        for name, schema in SCHEMAS.items():
            jsonschema.Draft202012Validator.check_schema(schema)
            self.assertEqual(schema["$id"], f"tenon.{name}/1")
            self.assertEqual(schema["properties"]["schema"], {"const": f"tenon.{name}/1"})

    def commands(self):
        names = re.findall(r"^  (\w+) ", self.good("--help").split("Subcommands:")[1].split("\n\n")[0], re.MULTILINE)
        return [name for name in names if "--json" in self.good(name, "--help")]

    def test_every_command_prints_what_its_schema_says(self):
        self.holds("targets", self.good("targets", "--json"))
        self.holds("env", self.good("env", "--json", env={"TENON_CACHE_SIZE": "500M"}))
        self.assertEqual(self.holds("check", self.good("check", self.path, "--json"))["problems"], [])
        refused = model([helper.make_node("StringNormalizer", ["x"], ["y"])], [("x", TensorProto.FLOAT, [2])], [("y", [2])])
        done = self.call("check", self.save("refused.onnx", refused), "--json")
        self.assertEqual((done.returncode, self.holds("check", done.stdout)["supported"]), (1, False))
        self.holds("run", self.good("run", self.path, "--json", "--fill", "random:1"))
        self.holds("compare", self.good("compare", self.path, "--json"))
        bench = self.holds("bench", self.good("bench", self.path, "--json", "--repeat", 3, "--warmup", 0, "--threads", 1))
        self.assertGreaterEqual(bench["first_run_s"], bench["latency_s"]["min"])
        for path in (self.path, self.compiled()):
            self.holds("profile", self.good("profile", path, "--json", "--repeat", 3, "--threads", 1))
        self.conformance_case()
        self.holds("conformance", self.good("conformance", self.folder / "cases", "--json"))
        self.assertEqual(self.seen, set(SCHEMAS), "a schema without a command, or the other way round")
        self.assertEqual(set(self.commands()), set(SCHEMAS))

    def compiled(self):
        path = self.folder / "model.tenon"
        self.good("compile", self.path, "-o", path)
        return path

    def conformance_case(self):
        folder = self.folder / "cases/case/test_data_set_0"
        folder.mkdir(parents=True)
        (folder.parent / "model.onnx").write_bytes(self.path.read_bytes())
        proto, reference = mlp()
        x = np.ones((2, 12), "f")
        for name, value in (("input_0", x), ("output_0", reference(x).astype("f"))):
            (folder / f"{name}.pb").write_bytes(numpy_helper.from_array(value).SerializeToString())

    def test_tenon_run_prints_a_run_with_its_times(self):
        text = self.good(self.compiled(), "--fill", "zeros", "--repeat", 3, "--warmup", 2, "--json", program=TENON_RUN)
        run = self.holds("run", text)
        self.assertEqual(run["latency_s"]["count"], 3)
        self.assertGreater(run["first_run_s"], 0)

    def test_names_that_are_no_utf8_do_not_break_the_output(self):
        path = self.folder / "m.onnx"
        path.write_bytes(self.path.read_bytes().replace(b"Tanh", b"T\xffnh"))
        done = subprocess.run([TENON, "check", path, "--json"], capture_output=True, env=self.env, timeout=60)
        if done.stdout:
            self.holds("check", done.stdout.decode())
        self.assertIn(done.returncode, (0, 1))

    def test_warm_up_runs_are_bounded(self):
        self.bad("bench", self.path, "--warmup", -1, status=2, says="--warmup")
        self.bad("model.tenon", "--warmup", "many", program=TENON_RUN, status=2, says="--warmup")


if __name__ == "__main__":
    unittest.main()
