"""The statements of the community. Whatever changes or copies a person's rows takes the owner as a required argument."""
