"""Interactive explorers: anywidgets in JupyterLab, and the same modules without a kernel on the site's pages."""

from pixelwise.explorers.receptive_field import ReceptiveFieldExplorer

__all__ = ["ReceptiveFieldExplorer"]
