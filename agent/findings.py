"""What a text says about somebody's health: findings with negation, experiencer and time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cache

from agent.context import Context
from agent.matcher import Match, Matcher
from agent.tokens import Token, tokenize
from agent.types import Finding, Language, SafeText
from knowledge.rules import FindingSpec, load_lexicon

_CUE = "cue "
_EXCEPT = "except "
_UNLESS = "unless "
_FAR = 60
"""Most findings that one "gone now" can speak of."""
_OFTEN = 2_000
"""Most findings kept from one text: beyond it a text is noise, and rules need one mention of each."""


@cache
def _matcher() -> Matcher:
    lexicon = load_lexicon()
    patterns: dict[str, tuple[str, ...]] = {name: spec.patterns for name, spec in lexicon.findings.items()}
    patterns |= {_EXCEPT + name: spec.exceptions for name, spec in lexicon.findings.items() if spec.exceptions}
    patterns |= {_UNLESS + name: spec.unless for name, spec in lexicon.findings.items() if spec.unless}
    patterns |= {_CUE + name: texts for name, texts in lexicon.cues.items()}
    return Matcher(patterns, words=lexicon.words, spelling=lexicon.spelling, compounds=lexicon.compounds)


def find(text: SafeText, language: Language) -> tuple[Finding, ...]:
    """Every finding in a redacted text, in order of place; empty for a text without any.

    Patterns of both languages are always tried, since people mix them; `language` settles nothing here and is
    taken so that callers need not know that.
    """
    lexicon = load_lexicon()
    tokens = tokenize(text.text, traditional=lexicon.traditional)
    if not tokens:
        return ()
    cues: dict[str, list[Match]] = {}
    excepted: dict[str, list[Match]] = {}
    undone: set[tuple[str, int]] = set()
    matches: list[Match] = []
    for match in _matcher().match(tokens):
        if match.id.startswith(_CUE):
            cues.setdefault(match.id.removeprefix(_CUE), []).append(match)
        elif match.id.startswith(_EXCEPT):
            excepted.setdefault(match.id.removeprefix(_EXCEPT), []).append(match)
        elif match.id.startswith(_UNLESS):
            undone.add((match.id.removeprefix(_UNLESS), tokens[match.first].sentence))
        else:
            matches.append(match)
    covered = {name: {i for m in found for i in range(m.first, m.last)} for name, found in excepted.items()}
    matches = [
        m for m in matches if not _excepted(m, covered.get(m.id)) and (m.id, tokens[m.first].sentence) not in undone
    ]
    felt = [m for m in matches if lexicon.findings[m.id].level]
    cores = frozenset(i for m in felt for i in range(m.first, m.last) if i not in m.inside)
    symptoms = frozenset(i for m in felt for i in range(m.first, m.last))
    context = Context(tokens, cues, cores, symptoms)
    matches = _longest([m for m in matches if not context.broken(m)])
    over = _over([m for m in matches if lexicon.findings[m.id].level], context)
    return tuple(_finding(m, context, tokens, text.text, lexicon.findings[m.id], m in over) for m in matches[:_OFTEN])


def _excepted(match: Match, covered: set[int] | None) -> bool:
    return covered is not None and any(i in covered for i in range(match.first, match.last) if i not in match.inside)


def _longest(matches: Sequence[Match]) -> list[Match]:
    """One match for each finding and stretch, the longest, ordered by place."""
    kept: dict[str, list[Match]] = {}
    for match in sorted(matches, key=lambda m: (m.first, len(m.inside), -m.last)):
        same = kept.setdefault(match.id, [])
        if not same or same[-1].last <= match.first:
            same.append(match)
    return sorted((m for same in kept.values() for m in same), key=lambda m: (m.first, m.last, m.id))


def _over(matches: Sequence[Match], context: Context) -> set[Match]:
    """What a "gone now" speaks of: what stands before it in its clause, else in its sentence, else in the one before."""
    over: set[Match] = set()
    firsts = [match.first for match in matches]
    for place in context.over:
        clause, sentence = context.clause(place)[0], context.sentence(place)[0]
        before = context.sentence(sentence - 1)[0] if sentence else sentence
        end = bisect_left(firsts, place)
        for start in (clause, sentence, before):
            said = matches[max(bisect_left(firsts, start), end - _FAR) : end]
            if said:
                over.update(said)
                break
    return over


def _finding(
    match: Match, context: Context, tokens: Sequence[Token], text: str, spec: FindingSpec, resolved: bool
) -> Finding:
    state = context.state(match)
    start, end = tokens[match.first].start, tokens[match.last - 1].end
    known = spec.kind in ("disease", "condition")
    other = state.other or (known and state.family)
    hypothetical = state.hypothetical or (known and state.feared)
    return Finding(
        id=match.id,
        start=start,
        end=end,
        text=text[start:end],
        negated=state.negated or (state.sound and bool(spec.level)),
        experiencer="other" if other else "patient",
        time="hypothetical" if hypothetical else "past" if state.past else "now",
        resolved=resolved,
        sentence=tokens[match.first].sentence,
    )
