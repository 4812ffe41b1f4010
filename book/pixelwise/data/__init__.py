"""Data to segment: generated scenes, which need no download, and loaders for real data sets and folders."""

VOID = 255
"""The label of pixels that are neither learned from nor scored."""
