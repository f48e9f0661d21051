"""The database's shapes, oldest first, one revision a file; run by `agent/schema.py`."""
