"""Attention over a pack: several examples after one beginning, each of which sees the beginning and itself.

Said as a mask it would cost the square of the pack's length, three quarters of it for nothing. Instead each example's attention is
computed with the beginning put before it again, causally, as it would be alone; only the layers' products, which are most of the
work, are shared. `spans` are token counts: of the common beginning, then of each example's own part.
"""

from __future__ import annotations

from typing import Any

NAME = "anamnesis_prefix"


def register() -> None:
    """Make the attention known to transformers, which then makes no mask for it."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, attend)


def attend(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    scaling: float | None = None,
    dropout: float = 0.0,
    spans: tuple[int, ...] = (),
    **_: Any,
) -> tuple[Any, None]:
    """Outputs of shape (1, tokens, heads, width) for queries of shape (1, heads, tokens, width); without `spans`, causal."""
    import torch

    groups = query.shape[1] // key.shape[1]
    if groups > 1:  # grouped heads are written out: torch's own grouping is slow on a processor
        key, value = (one.repeat_interleave(groups, dim=1) for one in (key, value))
    shared, *own = spans or (0, query.shape[2])
    parts, start = [], shared
    for number, length in enumerate(own):
        seen = [
            torch.cat((one[:, :, :shared], one[:, :, start : start + length]), dim=2)
            if shared
            else one[:, :, start : start + length]
            for one in (query, key, value)
        ]
        out = torch.nn.functional.scaled_dot_product_attention(*seen, dropout_p=dropout, is_causal=True, scale=scaling)
        parts.append(out if number == 0 else out[:, :, shared:])
        start += length
    return torch.cat(parts, dim=2).transpose(1, 2).contiguous(), None
