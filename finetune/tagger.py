"""Train the encoder that tags identifiers: `python -m finetune.tagger`, about ten minutes on two cores.

Messages of our own in which everything that points at a person is marked (`evals/cases/identifiers`), their names and digits
swapped for others half of the time, and messages of the triage bank in which rules find nobody. The upper layers and one linear
head learn, rounded to the 4-bit blocks that ship. A checkpoint after each epoch lets a stopped run go on.
"""

from __future__ import annotations

import random
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from agent import identifiers
from agent.config import load as load_settings
from agent.identifiers import learned
from evals.casebank import Marked, identifier_cases, triage_cases
from finetune import checkpoint
from finetune.swaps import swapped
from retrieval.embedders.encoder import weights

RECIPE = Path(__file__).parent / "recipes" / "tagger.toml"
_NONE = len(learned.TYPES)
_UNREAD = -100
"""The label of tokens that no loss is taken of: begin, end, padding, and the words before each message."""
_BUCKET = 16


@dataclass(frozen=True, slots=True)
class Row:
    """Token ids with begin and end, and for each the number of its type."""

    tokens: list[int]
    labels: list[int]


def row_of(case: Marked, tokenizer: Any, most: int) -> Row:
    """A message as it is learned: a token is of the type of the mark that it shares a code point with."""
    ids, places = tokenizer.placed(learned.PREFIX + case.text)
    kinds = [_NONE] * len(case.text)
    for start, end, kind in case.marks:
        kinds[start:end] = [learned.TYPES.index(kind)] * (end - start)
    labels = []
    for start, end in places:
        own = kinds[max(0, start - len(learned.PREFIX)) : max(0, end - len(learned.PREFIX))]
        labels.append(min(own) if own else _UNREAD)
    return Row(
        [tokenizer.bos, *ids[: most - 2], tokenizer.eos],
        [_UNREAD, *labels[: most - 2], _UNREAD],
    )


def plain_cases() -> list[Marked]:
    """Messages of the triage bank's train split in which rules find nobody."""
    rows = [case.text for case in triage_cases("train")]
    return [Marked("", "", "en", text, ()) for text in rows if not identifiers.ruled(text, today=date.today())[0]]


def drawn(
    cases: Sequence[Marked], plain: Sequence[Marked], recipe: dict[str, Any], order: random.Random
) -> list[Marked]:
    """What is read in an epoch."""
    own = [swapped(case, order) if order.random() < recipe["swapped"] else case for case in cases]
    return own + order.sample(list(plain), min(len(plain), recipe["plain"]))


def main(arguments: Sequence[str]) -> int:
    """Train, print the validation split after each epoch, and write `knowledge/rules/learned/encoder-identifiers.npz`."""
    if arguments:
        print("usage: python -m finetune.tagger", file=sys.stderr)
        return 2
    import torch
    from torch import nn
    from tqdm import tqdm

    from finetune.encoder import Encoder, cheapest, padded

    recipe: dict[str, Any] = tomllib.loads(RECIPE.read_text(encoding="utf-8"))
    torch.manual_seed(recipe["seed"])
    file = weights()
    train, held = list(identifier_cases("train")), identifier_cases("validation")
    plain = plain_cases()
    encoder = Encoder(file, trained=recipe["layers"])
    head = nn.Linear(file.sizes[0], _NONE + 1)
    moving = [value for value in encoder.parameters() if value.requires_grad]
    optimiser = torch.optim.AdamW(
        [{"params": moving, "lr": recipe["rate"]}, {"params": head.parameters(), "lr": recipe["head_rate"]}],
        weight_decay=recipe["decay"],
    )
    per_epoch = -(-(len(train) + min(len(plain), recipe["plain"])) // recipe["batch"])
    steps = recipe["epochs"] * per_epoch
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / (0.08 * steps)) * max(0.02, 1 - step / steps)
    )
    work = load_settings().home / "finetune" / "tagger.pt"
    parts = {"encoder": encoder, "head": head, "optimiser": optimiser, "schedule": schedule}
    key = checkpoint.key(recipe, map(repr, (*train, *plain)))
    for epoch in range(checkpoint.resume(work, key, parts), recipe["epochs"]):
        order = random.Random(recipe["seed"] + epoch)
        rows = [row_of(case, file.tokenizer, recipe["tokens"]) for case in drawn(train, plain, recipe, order)]
        for batch in tqdm(list(_batches(rows, recipe["batch"], order)), desc=f"epoch {epoch + 1}", disable=None):
            ids = padded([row.tokens for row in batch], file.tokenizer.pad)
            wanted = _wanted(batch, ids.shape[1])
            # Half precision where the processor has it: twice as fast here, and the same loss.
            with cheapest():
                made = encoder.states(ids)
            given = head(nn.functional.dropout(made.float(), recipe["dropout"]))
            loss = nn.functional.cross_entropy(given.flatten(0, 1), wanted.flatten(), ignore_index=_UNREAD)
            loss.backward()
            nn.utils.clip_grad_norm_(moving, 1.0)
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
        checkpoint.keep(work, epoch + 1, key, parts)
        print(f"epoch {epoch + 1}: {_measured(encoder, head, held, file.tokenizer, recipe)}", flush=True)
    write(encoder, head, recipe=recipe)
    return 0


def _wanted(batch: Sequence[Row], longest: int) -> Any:
    import torch

    return torch.tensor([[*row.labels, *[_UNREAD] * (longest - len(row.labels))] for row in batch])


def _batches(rows: Sequence[Row], size: int, order: random.Random) -> Iterator[list[Row]]:
    """Batches of texts of like length."""
    rows = order.sample(list(rows), len(rows))
    batches: list[list[Row]] = []
    for start in range(0, len(rows), _BUCKET * size):
        bucket = sorted(rows[start : start + _BUCKET * size], key=lambda row: len(row.tokens))
        batches += [bucket[at : at + size] for at in range(0, len(bucket), size)]
    order.shuffle(batches)
    yield from batches


def _measured(encoder: Any, head: Any, held: Sequence[Marked], tokenizer: Any, recipe: dict[str, Any]) -> str:
    import torch

    from finetune.encoder import padded

    rows = [row_of(case, tokenizer, recipe["tokens"]) for case in held]
    of, found, touched, others = 0, 0, 0, 0
    loss = 0.0
    with torch.no_grad():
        for at in range(0, len(rows), 32):
            batch = rows[at : at + 32]
            ids = padded([row.tokens for row in batch], tokenizer.pad)
            given = head(encoder.states(ids)).log_softmax(-1)
            wanted = _wanted(batch, ids.shape[1])
            loss += float(_loss(given, wanted))
            said = 1 - given.exp()[..., _NONE] >= learned.LEAST
            marked = (wanted >= 0) & (wanted < _NONE)
            of += int(marked.sum())
            found += int((said & marked).sum())
            others += int((wanted == _NONE).sum())
            touched += int((said & (wanted == _NONE)).sum())
    return f"loss {loss / max(1, of + others):.4f}, tokens of identifiers found {found}/{of}, others touched {touched}/{others}"


def _loss(given: Any, wanted: Any) -> Any:
    """The summed loss over the tokens that are read."""
    import torch

    return torch.nn.functional.nll_loss(given.flatten(0, 1), wanted.flatten(), ignore_index=_UNREAD, reduction="sum")


def write(encoder: Any, head: Any, *, recipe: dict[str, Any], path: Path = learned.PATH) -> None:
    """Write the changed tensors and the head, as `agent.identifiers.learned` reads them; a temporary name first."""
    from finetune.encoder import keep

    keep(path, encoder, recipe, {"weight": head.weight.detach().numpy(), "bias": head.bias.detach().numpy()})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
