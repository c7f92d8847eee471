"""Discover better algorithms for computer systems, and be able to prove it."""

__version__ = "0.1.0"
