#!/usr/bin/env python3
"""torch.compile(backend="tenon"): three models at several batch sizes beside eager PyTorch. Run by `./dev test torch` alone,
in an environment of its own."""
import pathlib
import sys
import tempfile
import tomllib
import unittest
from unittest import mock

import tenon.torch_backend
import torch
from torch import nn

PROJECT = tomllib.loads((pathlib.Path(__file__).resolve().parents[1] / "pyproject.toml").read_text())["project"]


def setUpModule():
    """What an installed wheel says of itself, since the build tree is not installed."""
    held = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(held.cleanup)
    about = pathlib.Path(held.name) / "tenon-0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tenon\nVersion: 0\n")
    (about / "entry_points.txt").write_text("".join(
        f"[{group}]\n" + "".join(f"{name} = {at}\n" for name, at in rows.items())
        for group, rows in PROJECT["entry-points"].items()))
    sys.path.insert(0, held.name)


def mlp():
    return nn.Sequential(nn.Linear(12, 32), nn.BatchNorm1d(32), nn.GELU(), nn.Linear(32, 5), nn.Softmax(-1))


class Residual(nn.Module):
    """A small convolutional network."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.block = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=4), nn.ReLU(), nn.Conv2d(8, 8, 1))
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        x = self.stem(x)
        return self.head(torch.relu(x + self.block(x)).mean((2, 3)))


class Layer(nn.Module):
    def __init__(self, width=16, heads=4):
        super().__init__()
        self.heads = heads
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x):
        batch, length, width = x.shape
        split = self.project(self.before(x)).reshape(batch, length, 3, self.heads, -1)
        q, k, v = split.permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out(seen.transpose(1, 2).reshape(batch, length, width))
        return x + self.feed(self.between(x))


class Encoder(nn.Module):
    """A transformer that reads tokens, of any length: states, and their mean."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        self.layers = nn.Sequential(Layer(), Layer())

    def forward(self, tokens):
        states = self.layers(self.embed(tokens))
        return states, states.mean(1)


class Compile(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(5)
        torch._dynamo.reset()
        self.compiled = mock.patch.object(tenon.torch_backend, "compile", wraps=tenon.torch_backend.compile).start()
        self.addCleanup(mock.patch.stopall)

    def agrees(self, fast, model, x, rtol=1e-4):
        with torch.no_grad():
            got, wanted = fast(x), model(x)
        for g, w in zip(got if isinstance(got, tuple) else [got], wanted if isinstance(wanted, tuple) else [wanted]):
            torch.testing.assert_close(g, w, rtol=rtol, atol=rtol)

    def check(self, model, inputs):
        """Agrees on all inputs; those behind the second one, whose sizes TorchDynamo knows to differ, compile nothing."""
        model.eval()
        fast = torch.compile(model, backend="tenon")
        for x in inputs[:2]:
            self.agrees(fast, model, x)
        count = self.compiled.call_count
        self.assertGreater(count, 0)
        for x in inputs[2:]:
            self.agrees(fast, model, x)
        self.assertEqual(self.compiled.call_count, count)

    def test_a_perceptron_of_any_batch(self):
        self.check(mlp(), [torch.randn(n, 12) for n in (4, 7, 2, 64)])

    def test_a_convolutional_network_of_any_batch(self):
        self.check(Residual(), [torch.randn(n, 3, 16, 16) for n in (2, 5, 3, 9)])

    def test_a_transformer_of_any_batch_and_length(self):
        self.check(Encoder(), [torch.randint(50, size) for size in ((2, 6), (3, 9), (5, 4), (7, 30))])

    def test_a_size_that_is_marked_dynamic_compiles_once(self):
        model = mlp().eval()
        fast = torch.compile(model, backend="tenon")
        for n in (3, 4, 5):
            x = torch.randn(n, 12)
            torch._dynamo.mark_dynamic(x, 0)
            self.agrees(fast, model, x)
        self.assertEqual(self.compiled.call_count, 1)

    def test_bfloat16(self):
        model = nn.Sequential(nn.Linear(8, 8), nn.ReLU()).eval().to(torch.bfloat16)
        self.agrees(torch.compile(model, backend="tenon"), model, torch.randn(3, 8).to(torch.bfloat16), rtol=2e-2)

    def test_weights_that_change_are_seen(self):
        model = nn.Linear(4, 4).eval()
        fast = torch.compile(model, backend="tenon")
        x = torch.randn(2, 4)
        self.agrees(fast, model, x)
        with torch.no_grad():
            model.weight.mul_(-3)
        self.agrees(fast, model, x)
        model.load_state_dict(nn.Linear(4, 4).state_dict())
        self.agrees(fast, model, x)

    def test_gradients_are_refused(self):
        fast = torch.compile(nn.Linear(4, 4), backend="tenon")
        with self.assertRaisesRegex(RuntimeError, "forward only; call the model under torch.no_grad"):
            fast(torch.randn(2, 4))


if __name__ == "__main__":
    unittest.main()
