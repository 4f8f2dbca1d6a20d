"""One self-contained page from results files: what a run did, and what it is worth."""

from mosaik_bottomup.app.report.page import write_report

__all__ = ["write_report"]
