"""Secure two-stage bottom-up load coordination in distribution grids."""

__version__ = "0.1.0"
