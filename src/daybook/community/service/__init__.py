"""The rules of the community."""
