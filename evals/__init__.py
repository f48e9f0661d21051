"""Is it good enough: measurements anyone can run again."""
