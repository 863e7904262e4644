"""Saved links: previewed, searched, imported and exported."""
