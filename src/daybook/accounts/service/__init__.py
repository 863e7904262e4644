"""The rules of accounts: `users` (profiles), `sign_in`, `sessions` and `api_tokens`."""
