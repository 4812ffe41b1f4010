"""Training: the loop that chapters share, the scores that they report, and CamVid from the command line.

    losses = fit(network, images, labels, steps=150, seed=0)
    share_wrong = error(network, images, labels)
    counts = evaluate(network, (images, labels), classes=9)

`python -m pixelwise.train camvid --help` says how a segmentation network is trained on CamVid.
"""

from pixelwise.train.loop import Diverged, fit, one_cycle, rate_factor
from pixelwise.train.precision import fast_precision
from pixelwise.train.scores import error, evaluate, predict

__all__ = ["Diverged", "error", "evaluate", "fast_precision", "fit", "one_cycle", "predict", "rate_factor"]
