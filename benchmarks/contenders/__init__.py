"""The same pages in six ways, each written as those who choose that way would write it."""

NAMES = ("raw", "orm", "sync", "joined", "bare", "daybook")
"""Their order in every table."""
