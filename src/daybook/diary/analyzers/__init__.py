"""What can be asked of a photo (`analyzer`), and who answers: Gemini, or nobody but this machine (`offline`)."""
