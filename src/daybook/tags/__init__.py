"""One set of tags for whatever a person keeps."""
