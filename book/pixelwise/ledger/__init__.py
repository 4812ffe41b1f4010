"""The numbers, checked: every numeric claim that the course makes or examines, recomputed.

`ROWS` maps a row's key to the row. A chapter cites a computed value with the role {ledger}`key`.
"""

from pixelwise.ledger import architectures, convolution, segmentation
from pixelwise.ledger.rows import ROWS, VERDICTS, Row, printed
from pixelwise.ledger.table import show

__all__ = ["ROWS", "VERDICTS", "Row", "architectures", "convolution", "printed", "segmentation", "show"]
