"""Daybook."""
