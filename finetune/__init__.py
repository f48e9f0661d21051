"""A better adapter. The path from data to a registered adapter is a later issue; nothing is here yet."""
