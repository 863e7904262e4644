"""Analyzers of photos: their protocol (`analyzer`), Gemini, and one that needs no network (`offline`)."""
