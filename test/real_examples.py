#!/usr/bin/env python3
"""The examples on real models say what a person would: the text in the picture, when somebody speaks, the kinds of files.
Run by `./dev test examples`; one whose package cannot be fetched is skipped by its name."""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from PIL import Image

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples/real"
ABSENT = 77


class Examples(unittest.TestCase):
    def say(self, name, *arguments, models=1):
        """The lines of an example, but for those that tell the times of its models, which are checked here."""
        done = subprocess.run([sys.executable, EXAMPLES / f"{name}.py", *map(str, arguments)], capture_output=True, text=True,
                              timeout=600)
        if done.returncode == ABSENT:
            self.skipTest(done.stderr.strip())
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        print(f"-- {name}\n{done.stdout}", end="")
        lines = done.stdout.splitlines()
        for line in lines[-models:]:
            told = re.fullmatch(r".+: [\d.]+ ms, ONNX Runtime [\d.]+ ms \([\d.]+x\), worst difference (\S+) of the .+", line)
            self.assertTrue(told, line)
            self.assertLess(float(told[1]), 2e-3, line)
        return lines[:-models]

    def picture(self, name, *arguments, **more):
        """The same of one that draws boxes, which the picture then has."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "boxes.png"
            lines = self.say(name, "--save", path, *arguments, **more)
            colors = dict((color, count) for count, color in Image.open(path).convert("RGB").getcolors(1 << 24))
            self.assertGreater(colors.get((255, 0, 0), 0), 500)
        return lines

    def test_text_in_a_picture_is_read(self):
        lines = self.picture("read_text", models=3)
        self.assertEqual([line[25:32].strip() for line in lines], ["", "", "", "turned"])
        self.assertEqual([line[32:] for line in lines],
                         ["Tenon compiles deep-learning models", "One file of code and weights",
                          "Invoice 2047: 1,299.50 EUR", "this line stands on its head"])

    def test_speech_is_found_where_it_is(self):
        times = {kind: [[float(t) for t in re.findall(r"[\d.]+", line)] for line in lines] for kind, lines in self.kinds(
            self.say("find_speech")).items()}
        self.assertEqual(len(times["said"]), 3)
        self.assertEqual(len(times["speech"]), 3)
        for said, heard in zip(times["said"], times["speech"]):
            for a, b in zip(said, heard):
                self.assertLess(abs(a - b), 0.25)

    @staticmethod
    def kinds(lines):
        """The lines by their first word."""
        all_of = {}
        for line in lines:
            all_of.setdefault(line.split()[0], []).append(line)
        return all_of

    def test_faces_are_found_and_nothing_else(self):
        first, *found = self.picture("find_faces")
        self.assertEqual(first, "2 faces in 748 by 400 pixels")
        boxes = sorted([int(v) for v in re.findall(r"\d+", line)[1:]] for line in found)
        for (left, top, right, bottom), (x, y) in zip(boxes, ((225, 120), (598, 142)), strict=True):
            self.assertTrue(left < x - 15 < x + 15 < right and top < y - 20 < y + 20 < bottom, boxes)
            self.assertLess(right - left, 120)

    def test_kinds_of_files_are_told(self):
        pairs = [line.split()[:3] for line in self.say("tell_file_types")]
        self.assertGreater(len(pairs), 15)
        for kind, _, told in pairs:
            self.assertEqual(kind, told)

    def test_the_melody_is_heard(self):
        played, heard = self.say("follow_pitch")
        self.assertEqual(played.split()[1:], heard.split()[1:])
        self.assertEqual(len(played.split()), 9)

    def test_sentences_that_mean_the_same_are_nearest(self):
        pairs = [re.fullmatch(r"nearest to '(.+)': '(.+)'", line) for line in self.say("compare_sentences")[6:]]
        self.assertEqual(len(pairs), 6)
        for (a, b), (c, d) in zip([p.groups() for p in pairs[::2]], [p.groups() for p in pairs[1::2]]):
            self.assertEqual((a, b), (d, c))

    def test_the_end_of_a_turn_is_heard(self):
        lines = self.say("end_of_turn")
        self.assertEqual([line.split()[0] for line in lines], ["finished", "finished", "goes", "goes"])


if __name__ == "__main__":
    unittest.main()
