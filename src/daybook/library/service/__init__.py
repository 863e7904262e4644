"""The rules of a library."""
