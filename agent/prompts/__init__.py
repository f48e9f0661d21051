"""Every string sent to a model, one file a language, and the one renderer that serving and training share."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from agent.types import Audience, Language
from knowledge.types import Passage

_FOLDER = Path(__file__).parent


@lru_cache(maxsize=4)
def prompts(language: Language) -> dict[str, str]:
    """Prompt id to text."""
    with (_FOLDER / f"{language}.toml").open("rb") as file:
        return {name: str(text) for name, text in tomllib.load(file).items()}


def render_answer(
    question: str, passages: Sequence[Passage], *, language: Language, audience: Audience
) -> tuple[dict[str, str], ...]:
    """The chat messages of a grounded answer: the fixed part first, so that an engine keeps it in its cache.

    Passages are data between marked lines; a line of a passage cannot close them.
    """
    texts = prompts(language)
    shown = "\n".join(
        f"[{key}] {_fenced(passage.title)}{' — ' + _fenced(passage.heading) if passage.heading else ''}\n{_fenced(passage.text)}"
        for key, passage in enumerate(passages, 1)
    )
    return (
        {"role": "system", "content": texts[f"system_{audience}"]},
        {"role": "user", "content": texts["example_user"]},
        {"role": "assistant", "content": texts["example_assistant"]},
        {"role": "user", "content": texts["user"].format(passages=shown, question=_fenced(question))},
    )


def prompts_hash() -> str:
    """Identity of every prompt; an adapter's manifest and each audit record hold it."""
    digest = hashlib.sha256()
    for file in sorted(_FOLDER.glob("*.toml")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _fenced(text: str) -> str:
    return text.replace("<<<", "‹").replace(">>>", "›")
