"""The file a run leaves behind: HDF5 that is valid netCDF-4."""

from mosaik_bottomup.results.layout import BY_AREA, LAYOUT, layout_markdown
from mosaik_bottomup.results.reader import Results, read
from mosaik_bottomup.results.sealing import Derived, seal
from mosaik_bottomup.results.writer import ResultsWriter

__all__ = [
    "BY_AREA",
    "LAYOUT",
    "Derived",
    "Results",
    "ResultsWriter",
    "layout_markdown",
    "read",
    "seal",
]
