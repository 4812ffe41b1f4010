"""Looking into a trained classifier: maps of what a score depends on, patches that excite units, and how to score both.

    network = seeing.ready()                                  # a small classifier of scenes, trained once a build
    seeing.gradient(network, x, unit=1)                       # (N, 3, H, W)
    seeing.grad_cam(network, x, unit=1, layer="relu4_2")      # (N, h, w)

A *unit* is a number of the network's output: its index behind the batch, such as `2` for a score of (N, K), or
`(7, 3, 4)` for channel 7 at row 3 and column 4 of maps (N, C, h, w).
"""

from pixelwise.seeing.classifier import LEAST, TAGS, classifier, masks, ready, tagged, tags, trained
from pixelwise.seeing.dreams import dream, total_variation
from pixelwise.seeing.maps import activations, enlarged, grad_cam, gradient, occlusion, over_colours
from pixelwise.seeing.patches import Patch, patch, strongest
from pixelwise.seeing.scores import agreement, deletion, mass_inside, pointing, randomised

__all__ = [
    "LEAST",
    "TAGS",
    "Patch",
    "activations",
    "agreement",
    "classifier",
    "deletion",
    "dream",
    "enlarged",
    "grad_cam",
    "gradient",
    "masks",
    "mass_inside",
    "occlusion",
    "over_colours",
    "patch",
    "pointing",
    "randomised",
    "ready",
    "strongest",
    "tagged",
    "tags",
    "total_variation",
    "trained",
]
