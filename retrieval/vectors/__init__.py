"""Nearest vectors: FAISS over files of this machine, or Milvus."""
