"""What we know: sources, documents, passages and the rules that are data."""
