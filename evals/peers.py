"""What others would use, given our passages and vectors: Haystack, LlamaIndex, all-MiniLM-L6-v2. For `bench_retrieval`."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from retrieval.types import Vectors

Ask = Callable[[str, Vectors], Any]


def haystack(texts: Sequence[str], vectors: Sequence[Vectors]) -> Ask:
    """Haystack's in-memory store: BM25 and vectors, joined by reciprocal rank."""
    from haystack import Document as Page
    from haystack.components.joiners import DocumentJoiner
    from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    store = InMemoryDocumentStore(embedding_similarity_function="dot_product")
    pairs = enumerate(zip(texts, vectors, strict=True))
    store.write_documents([Page(id=str(n), content=text, embedding=vector.tolist()) for n, (text, vector) in pairs])
    words, dense = InMemoryBM25Retriever(store, top_k=100), InMemoryEmbeddingRetriever(store, top_k=100)
    joined = DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=10)

    def ask(question: str, vector: Vectors) -> Any:
        found = [words.run(query=question)["documents"], dense.run(query_embedding=vector.tolist())["documents"]]
        return joined.run(documents=found)

    return ask


def llama_index(texts: Sequence[str], vectors: Sequence[Vectors]) -> Ask:
    """LlamaIndex's in-memory vectors beside bm25s, which its BM25 retriever uses, fused by reciprocal rank."""
    import bm25s
    from llama_index.core.schema import TextNode
    from llama_index.core.vector_stores import SimpleVectorStore, VectorStoreQuery

    store = SimpleVectorStore()
    pairs = enumerate(zip(texts, vectors, strict=True))
    store.add([TextNode(id_=str(n), text=text, embedding=vector.tolist()) for n, (text, vector) in pairs])
    words = bm25s.BM25()
    words.index(bm25s.tokenize(list(texts), show_progress=False), show_progress=False)

    def ask(question: str, vector: Vectors) -> Any:
        dense = store.query(VectorStoreQuery(query_embedding=vector.tolist(), similarity_top_k=100)).ids or []
        found, _ = words.retrieve(bm25s.tokenize(question, show_progress=False), k=100, show_progress=False)
        scores: dict[str, float] = defaultdict(float)
        for ranking in (dense, [str(row) for row in found[0]]):
            for rank, key in enumerate(ranking, 1):
                scores[key] += 1 / (60 + rank)
        return sorted(scores, key=lambda key: -scores[key])[:10]

    return ask


def minilm() -> Callable[[list[str]], Vectors] | None:
    """all-MiniLM-L6-v2 from the folder that MINILM names: texts to unit vectors. None where it or transformers is missing."""
    folder = os.environ.get("MINILM", "")
    if not folder or find_spec("transformers") is None:
        return None
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModel.from_pretrained(folder).eval()

    def vectors(texts: list[str]) -> Vectors:
        made = []
        for start in range(0, len(texts), 32):
            given = tokenizer(
                texts[start : start + 32], padding=True, truncation=True, max_length=256, return_tensors="pt"
            )
            with torch.inference_mode():
                y, mask = model(**given)[0], given["attention_mask"].unsqueeze(-1).float()
            made.append(torch.nn.functional.normalize((y * mask).sum(1) / mask.sum(1), dim=-1).numpy())
        return np.concatenate(made).astype(np.float32)

    return vectors
