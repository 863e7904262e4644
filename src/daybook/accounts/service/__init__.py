"""The rules of accounts: `users` (profiles), `sign_in`, `guessing`, `sessions` and `api_tokens`."""
