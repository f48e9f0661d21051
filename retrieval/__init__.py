"""What matters here: BM25 and dense search over passages, fused."""
