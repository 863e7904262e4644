"""The rules of a diary: `logs` (what meals and exercise share), `food`, `exercise`, `analyses` and `photos`."""
