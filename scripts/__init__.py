"""Programs that keep what is committed true."""
