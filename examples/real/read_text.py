#!/usr/bin/env python3
"""Text in a picture: the three models of PP-OCR find lines, turn those that stand on their head, and read them.

usage: read_text.py [PICTURE] [--save BOXES.png] [--threads N]

Without a picture this script draws one. It takes lines to be horizontal, as scanned pages have them.
"""
import argparse

import numpy as np
import onnx
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from common import Model, read

LINES = [("Tenon compiles deep-learning models", 34, "black"), ("One file of code and weights", 28, "darkblue"),
         ("Invoice 2047: 1,299.50 EUR", 30, "black"), ("this line stands on its head", 30, "darkred")]


def drawn():
    picture = Image.new("RGB", (640, 352), (244, 240, 230))
    for i, (text, size, color) in enumerate(LINES):
        line = Image.new("RGB", (600, 60), picture.getpixel((0, 0)))
        ImageDraw.Draw(line).text((10, 8), text, color, ImageFont.load_default(size))
        picture.paste(line.rotate(180) if "head" in text else line, (20, 20 + 80 * i))
    return picture


def pixels(picture, size):
    """A picture as the models take it: [3, height, width], from -1 to 1, blue first."""
    resized = np.asarray(picture.convert("RGB").resize(size, Image.Resampling.BILINEAR), "f")
    return (resized[:, :, ::-1] / 127.5 - 1).transpose(2, 0, 1)


def strips(lines, width):
    """Lines as a batch of the height that the models read, filled up to `width`."""
    batch = np.zeros((len(lines), 3, 48, width), "f")
    for to, line in zip(batch, lines):
        own = min(width, -(-48 * line.width // line.height))
        to[:, :, :own] = pixels(line, (own, 48))
    return batch


def boxes(likely, picture, least=0.3, sure=0.5, grow=1.6):
    """Where a map of probabilities says that there is text, from top to bottom: (left, top, right, bottom)."""
    labels, _ = ndimage.label(likely > least)
    found = []
    for i, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if min(height, width) < 3 or likely[labels == i].mean() < sure:
            continue
        margin = grow * height * width / (2 * (height + width))  # the model marks the middle of a line
        box = np.array([columns.start - margin, rows.start - margin, columns.stop + margin, rows.stop + margin])
        scale = np.tile(picture.size, 2) / np.tile(likely.shape[::-1], 2)
        found.append(tuple(int(v) for v in np.clip(np.round(box * scale), 0, np.tile(picture.size, 2))))
    return sorted(found, key=lambda box: box[1])


def text_of(scores, characters):
    """The best character of each column, without repetitions and blanks."""
    best = scores.argmax(1)
    kept = best[(best != 0) & np.append(True, best[1:] != best[:-1])]
    return "".join(characters[i] for i in kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", nargs="?")
    parser.add_argument("--save", help="a picture with the boxes and what was read")
    parser.add_argument("--threads", type=int, help="of both engines (1)")
    options = parser.parse_args()
    detect = Model("PP-OCR detection", read("rapidocr", "rapidocr/models/PP-OCRv6_det_small.onnx"))
    turn = Model("PP-OCR orientation", read("rapidocr", "rapidocr/models/ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
                 reshape={"x": ("lines", 3, 48, 192)})  # the size that it was trained for; the file leaves all open
    file = read("rapidocr", "rapidocr/models/PP-OCRv6_rec_small.onnx")
    recognize = Model("PP-OCR recognition", file)
    keys = {p.key: p.value for p in onnx.ModelProto.FromString(file).metadata_props}
    characters = ["", *keys["character"].splitlines(), " "]

    picture = Image.open(options.picture).convert("RGB") if options.picture else drawn()
    grown = max(1, 736 / min(picture.size))  # the shorter side that the model was made for
    size = tuple(32 * round(grown * side / 32) for side in picture.size)
    page = pixels(picture, size)[None]
    found = boxes(detect(x=page)[0][0, 0], picture)
    lines = [picture.crop(box) for box in found]
    if not lines:
        return print("no text")
    upside_down = turn(x=strips(lines, 192))[0][:, 1] > 0.9
    lines = [line.rotate(180) if wrong else line for line, wrong in zip(lines, upside_down)]
    batch = strips(lines, max(320, *(-(-48 * line.width // line.height) for line in lines)))
    texts = [text_of(scores, characters) for scores in recognize(x=batch)[0]]
    for box, wrong, text in zip(found, upside_down, texts):
        print(f"{str(box):24} {'turned' if wrong else '':6} {text}")
    if options.save:
        draw = ImageDraw.Draw(picture)
        for box, text in zip(found, texts):
            draw.rectangle(box, outline="red", width=2)
            draw.text((box[0], box[1] - 14), text, "red", ImageFont.load_default(12))
        picture.save(options.save)
    detect.report(x=page)
    turn.report(x=strips(lines, 192))
    recognize.report(x=batch)


if __name__ == "__main__":
    main()
