"""Nearest vectors: FAISS here, other stores beside it later."""
