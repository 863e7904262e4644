"""The rules of accounts: `people` (profiles), `sign_in` (sessions) and `api_tokens`."""
