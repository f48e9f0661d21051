"""Loss curves as pictures, from the records that trainings write: `python -m finetune.curves ADAPTER... --out FILE.png`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge.errors import AnamnesisError, ConfigError, InputError


@dataclass(frozen=True, slots=True)
class Curve:
    """Losses in nats a learned token, by step; `train` has no value where nothing was trained yet."""

    name: str
    steps: tuple[int, ...]
    train: tuple[float | None, ...]
    validation: tuple[float, ...]
    best: int


def curve(folder: Path) -> Curve:
    """The curve in a training.json. Raises InputError where there is none."""
    file = folder / "training.json" if folder.is_dir() else folder
    if not file.is_file():
        raise InputError(f"there is no {file}", expected="an adapter folder that `anamnesis finetune train` wrote")
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        steps, train, validation = zip(*record["losses"], strict=True)
        return Curve(str(record["name"]), steps, train, validation, int(record["best_step"]))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} holds no losses ({error})", remedy="Train again") from error


def draw(curves: Sequence[Curve], out: Path) -> None:
    """Write a PNG: validation as lines, training as dots, the best step marked; under a temporary name, then renamed."""
    try:
        import matplotlib
    except ImportError as error:
        raise ConfigError(
            "pictures need matplotlib, which is not installed", remedy="Run `pip install 'anamnesis[finetune]'`"
        ) from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for number, one in enumerate(curves):
        colour = f"C{number}"
        axes.plot(one.steps, one.validation, color=colour, marker=".", label=f"{one.name}, validation")
        trained = [(step, loss) for step, loss in zip(one.steps, one.train, strict=True) if loss is not None]
        if trained:
            axes.plot(*zip(*trained, strict=True), color=colour, linestyle=":", label=f"{one.name}, training")
        lowest = one.validation[one.steps.index(one.best)]
        axes.plot([one.best], [lowest], color=colour, marker="o", markersize=9, fillstyle="none")
        axes.annotate(f"{lowest:.3f}", (one.best, lowest), textcoords="offset points", xytext=(0, 9), ha="center")
    axes.set(xlabel="optimizer steps", ylabel="loss (nats a learned token)")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    figure.savefig(part, dpi=150, format="png", metadata={"Software": ""})
    pyplot.close(figure)
    os.replace(part, out)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw, and print the file's name."""
    parser = argparse.ArgumentParser(prog="python -m finetune.curves", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("adapters", nargs="+", type=Path, help="adapter folders, or training.json files")
    parser.add_argument("--out", type=Path, default=Path("docs/screenshots/finetune-losses.png"))
    options = parser.parse_args(arguments)
    try:
        draw([curve(folder) for folder in options.adapters], options.out)
    except AnamnesisError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{options.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
