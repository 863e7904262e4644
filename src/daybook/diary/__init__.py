"""Meals and exercise, logged by hand or by photo."""
