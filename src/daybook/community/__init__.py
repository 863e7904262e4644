"""Published lists of links, with votes, downloads and comments."""
