"""The statements of the community. What changes or copies a person's rows takes the owner as a required argument."""
