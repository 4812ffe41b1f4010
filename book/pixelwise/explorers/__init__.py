"""Interactive explorers: anywidgets in JupyterLab, and the same modules without a kernel on the site's pages."""

from pixelwise.explorers.budget import BudgetExplorer
from pixelwise.explorers.convolution_stepper import ConvolutionStepper
from pixelwise.explorers.receptive_field import ReceptiveFieldExplorer

__all__ = ["BudgetExplorer", "ConvolutionStepper", "ReceptiveFieldExplorer"]
