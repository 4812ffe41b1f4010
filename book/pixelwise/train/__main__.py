"""`python -m pixelwise.train`: train a segmentation network on real data from the command line."""

import argparse
import sys
from pathlib import Path

from pixelwise.train import Diverged
from pixelwise.train.camvid import LOSSES, NETWORKS, WEIGHTINGS, Options, run

DESCRIPTION = """\
Train a segmentation network of the zoo on CamVid's 367 training images, and score it once, at the end, on the
validation and the test images.

The network reads images of --size. Its logits are interpolated to the label maps' own size (480x360) and
scored there: 11 classes, void pixels not counted, one confusion matrix over all images. Nothing is chosen on
the test images.

--out then holds
  result.json     what was run, on which machine, and every score
  pictures.html   images, truth and prediction side by side: open it in a browser
  checkpoint.pt   the whole state: the same command continues a run that was stopped
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 1 where training diverged, 2 for bad input, 130 where stopped."""
    parser = argparse.ArgumentParser(prog="python -m pixelwise.train", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="camvid")
    camvid = commands.add_parser(
        "camvid",
        help="train on CamVid",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    camvid.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder with train, val and test, each images + labels"
    )
    camvid.add_argument("--out", type=Path, default=Path("camvid-run"), metavar="DIR", help="default: camvid-run")
    camvid.add_argument("--network", choices=NETWORKS, default=Options.network, help=f"default: {Options.network}")
    camvid.add_argument("--width", type=int, metavar="N", help="channels at full size, U-Net only; default: 16")
    camvid.add_argument("--size", type=size, default=Options.size, metavar="WxH", help="of images; default: 240x180")
    length = camvid.add_mutually_exclusive_group()
    length.add_argument(
        "--minutes", type=positive, metavar="M", help="train about so long: steps are timed first; default: 30"
    )
    length.add_argument("--epochs", type=positive, metavar="N", help="see every training image so often")
    camvid.add_argument(
        "--batch", type=int, default=Options.batch, metavar="N", help=f"images a step; default: {Options.batch}"
    )
    camvid.add_argument(
        "--learning-rate",
        type=positive,
        default=Options.learning_rate,
        metavar="R",
        help=f"largest; default: {Options.learning_rate}",
    )
    camvid.add_argument("--loss", choices=LOSSES, default=Options.loss, help=f"default: {Options.loss}")
    camvid.add_argument(
        "--class-weights",
        choices=WEIGHTINGS,
        default=Options.class_weights,
        help="weight of a class in the cross-entropy: the median frequency over its own, the root of that, or 1; "
        f"default: {Options.class_weights}",
    )
    camvid.add_argument("--seed", type=int, default=Options.seed, metavar="N", help=f"default: {Options.seed}")
    given = vars(parser.parse_args(arguments))
    del given["command"]
    try:
        if given["batch"] < 1 or (given["width"] or 1) < 1:
            raise ValueError("--batch and --width are at least 1.")
        run(Options(**given))
    except KeyboardInterrupt:
        print("\nStopped. The same command continues from the last checkpoint.", file=sys.stderr)
        return 130
    except Diverged as problem:
        print(f"pixelwise.train: {problem}", file=sys.stderr)
        return 1
    except (OSError, ValueError) as problem:
        print(f"pixelwise.train: {problem}", file=sys.stderr)
        return 2
    return 0


def size(text: str) -> tuple[int, int]:
    """Return (height, width) of a size written as on a screen, width first: 240x180."""
    width, separator, height = text.lower().partition("x")
    if not (separator and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write width x height, such as 240x180")
    return int(height), int(width)


def positive(text: str) -> float:
    """Return a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
