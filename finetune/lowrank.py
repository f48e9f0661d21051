"""Low-rank pairs on the encoder's upper layers (LoRA, Hu et al. 2021), trained through the 4-bit rounding they are served with.

Each of a layer's six matrices gets an up and a down matrix whose product is added to it; the sum is rounded as the engine's file
holds it, with the gradient of the sum itself (as `finetune.encoder` does for whole weights). Only the pairs learn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from finetune.encoder import Encoder, Layer, cheapest, padded, rounded
from retrieval.embedders.e5file import File

PARTS = ("q", "k", "v", "ao", "fi", "fo")


def with_tensors(file: File, changed: Mapping[str, bytes]) -> File:
    """A weights file with some of its tensors exchanged for others of the same size."""
    data = bytearray(file.data)
    for name, raw in changed.items():
        entry = file.entries[name]
        data[entry.offset : entry.offset + entry.size] = raw
    return replace(file, data=bytes(data))


class LowRank(Layer):
    """A layer whose own weights stay, with a pair for each of its matrices."""

    def __init__(self, file: File, number: int, *, rank: int, factor: float) -> None:
        super().__init__(file, number, trained=False)
        self.factor = factor
        self.up, self.down = nn.ParameterDict(), nn.ParameterDict()
        for part in PARTS:
            out, of = self.values[f"{part}_w"].shape
            # As in the paper: one of the pair begins at zero, so that training begins at the weights themselves.
            self.up[part] = nn.Parameter(torch.zeros(out, rank))
            self.down[part] = nn.Parameter(torch.randn(rank, of) / of**0.5)

    def _linear(self, x: Tensor, name: str) -> Tensor:
        # In full precision: the sum is what is rounded, and served.
        with torch.autocast("cpu", enabled=False):
            weight = rounded(self.values[f"{name}_w"] + self.factor * (self.up[name] @ self.down[name]))
        return F.linear(x, weight, self.values[f"{name}_b"])


class Halves(nn.Module):  # type: ignore[misc]
    """The encoder in two: a lower half that stays, read once a text, and an upper half with pairs."""

    def __init__(self, file: File, *, layers: int, rank: int, factor: float) -> None:
        super().__init__()
        self.encoder = Encoder(file, trained=0)
        count = len(self.encoder.layers)
        self.upper = nn.ModuleList(LowRank(file, n, rank=rank, factor=factor) for n in range(count - layers, count))
        self.encoder.layers = self.encoder.layers[: count - layers]

    def lower(self, rows: Sequence[Sequence[int]]) -> list[Tensor]:
        """Each row's tokens after the lower half, shape (tokens, hidden), in half precision to keep them all."""
        encoder = self.encoder
        ids = padded(rows, encoder.pad)
        with torch.no_grad(), cheapest():
            x = encoder.words[ids] + encoder.places[: ids.shape[1]] + encoder.kind
            x = F.layer_norm(x, (encoder.hidden,), encoder.norm_w, encoder.norm_b, encoder.eps)
            mask = (ids != encoder.pad)[:, None, None, :]
            for layer in encoder.layers:
                x = layer(x, mask)
        return [vectors[: len(row)].half() for vectors, row in zip(x, rows, strict=True)]

    def forward(self, halves: Sequence[Tensor]) -> Tensor:
        """Unit vectors of texts, shape (texts, hidden), from what `lower` gave."""
        x = nn.utils.rnn.pad_sequence([half.float() for half in halves], batch_first=True)
        lengths = torch.tensor([len(half) for half in halves])
        real = torch.arange(x.shape[1])[None, :] < lengths[:, None]
        mask = real[:, None, None, :]
        for layer in self.upper:
            x = layer(x, mask)
        weights = real.unsqueeze(-1).float()
        return F.normalize((x.float() * weights).sum(1) / weights.sum(1), dim=-1)

    def pairs(self) -> Iterator[tuple[str, Any, Any]]:
        """Tensor names without ".w", with their up and down arrays."""
        for layer in self.upper:
            for part in PARTS:
                yield f"l{layer.number}.{part}", layer.up[part].detach().numpy(), layer.down[part].detach().numpy()
