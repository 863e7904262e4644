"""People: how they sign in, their devices and tokens, and who is asking."""
