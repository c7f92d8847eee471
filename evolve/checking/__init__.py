"""Proves that a problem plug-in is sound, or says what is wrong with it. What `evolve check` does."""

from evolve.checking.findings import Check, Figures, Finding, Report
from evolve.checking.whole import check_problem

__all__ = ["Check", "Figures", "Finding", "Report", "check_problem"]
