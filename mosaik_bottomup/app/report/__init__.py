"""One self-contained page from results files: what a run did, and what it is worth."""

from mosaik_bottomup.app.report.page import write_report
from mosaik_bottomup.app.report.sweep import is_sweep, write_sweep_report

__all__ = ["is_sweep", "write_report", "write_sweep_report"]
