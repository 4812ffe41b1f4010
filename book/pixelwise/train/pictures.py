"""A page that shows what a segmentation network got right and wrong; one file, which needs no network to be read."""

import base64
import html
import io
from collections.abc import Iterable
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from pixelwise.data import VOID
from pixelwise.data.camvid import CLASSES, COLOURS

VOID_COLOUR = "#000000"

STYLE = """
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.5; }
body { max-width: 76rem; margin: 0 auto; padding: 1rem; }
.row { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(18rem, 100%), 1fr)); gap: .5rem; }
figure { margin: 0 0 1.5rem; } figcaption { margin-bottom: .25rem; } img { width: 100%; display: block; }
ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; list-style: none; }
.key { display: inline-block; width: 1em; height: 1em; margin-right: .4em; border: 1px solid gray; }
table { border-collapse: collapse; } td, th { padding: .1rem .8rem .1rem 0; text-align: right; }
td:first-child, th:first-child { text-align: left; }
"""


def page(shown: Iterable[tuple[str, Tensor, Tensor, Tensor]], result: dict[str, Any]) -> str:
    """Return a complete HTML page of pictures and scores.

    `shown` gives a name, the image (3, H, W), the truth (H, W) and the prediction (H, W), all uint8; `result` is the
    run's, as in result.json.
    """
    scores = result["scores"]
    network = f"{result['network']['name']}, {result['network']['parameters'] / 1e6:.2f} M parameters"
    legend = "".join(
        f'<li><span class="key" style="background:{colour}"></span>{html.escape(name)}</li>'
        for name, colour in (*zip(CLASSES, COLOURS, strict=True), ("void: not scored", VOID_COLOUR))
    )
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td>"
        + "".join(f"<td>{_percent(scores[split]['iou'][name])}</td>" for split in scores)
        + "</tr>"
        for name in CLASSES
    )
    means = "".join(f"<td>{_percent(held['mean_iou'])}</td>" for held in scores.values())
    heads = "".join(f"<th>IoU on {split} (%)</th>" for split in scores)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>CamVid: what the network predicts</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f"<h1>CamVid: what the network predicts</h1><p>{html.escape(network)}; {html.escape(result['scoring'])}.</p>"
        f"<table><tr><th>class</th>{heads}</tr>{rows}<tr><td><b>mean</b></td>{means}</tr></table>"
        f"<h2>Legend</h2><ul>{legend}</ul><h2>Test images, evenly spaced</h2>"
        f"{''.join(_row(*pictures) for pictures in shown)}</body></html>\n"
    )


def _row(name: str, image: Tensor, truth: Tensor, prediction: Tensor) -> str:
    scored = truth != VOID
    right = float((prediction == truth)[scored].float().mean()) if scored.any() else float("nan")
    parts = (
        ("image", Image.fromarray(image.permute(1, 2, 0).numpy()), "JPEG"),
        ("truth", coloured(truth), "PNG"),
        ("prediction", coloured(prediction), "PNG"),
    )
    figures = "".join(
        f'<img src="{_embedded(picture, kind)}" alt="{html.escape(name)}: {what}" title="{what}">'
        for what, picture, kind in parts
    )
    caption = f"{html.escape(name)}: image, truth, prediction; {_percent(right)} % of the scored pixels are right"
    return f'<figure><figcaption>{caption}</figcaption><div class="row">{figures}</div></figure>'


def coloured(labels: Tensor) -> Image.Image:
    """Return a label map (H, W) as a picture in the classes' colours, void in black."""
    picture = Image.fromarray(labels.numpy().astype(np.uint8), mode="P")
    palette = np.zeros((256, 3), dtype=np.uint8)
    palette[: len(COLOURS)] = [tuple(bytes.fromhex(colour[1:])) for colour in COLOURS]
    picture.putpalette(palette.tobytes())
    return picture


def _embedded(picture: Image.Image, kind: str) -> str:
    held = io.BytesIO()
    picture.save(held, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(held.getvalue()).decode()}"


def _percent(share: float | None) -> str:
    return "–" if share is None or share != share else f"{100 * share:.1f}"
