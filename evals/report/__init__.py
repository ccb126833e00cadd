"""A run's report: one HTML page with its curves, tables and transcripts."""

from mirrormatch.evals.report.page import Fact, ReportInput, render_report

__all__ = ["Fact", "ReportInput", "render_report"]
