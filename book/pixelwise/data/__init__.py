"""Data sets for segmentation: synthetic scenes, and the loaders of the public data sets."""

VOID = 255
"""The label of pixels that are not scored."""
