"""The same pages in eight ways, each written as those who choose that way would write it."""

NAMES = ("raw", "orm", "sync", "joined", "node", "bare", "node-json", "daybook")
"""Their order in every table."""
