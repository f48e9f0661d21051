"""What a person sees of a turn: events folded into a `Turn`, and a `Turn` as HTML. Pure; no browser needed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from agent import compose
from agent.app.forms import paper_html, understood_html
from agent.app.markup import blocks, lang, plain, said
from agent.app.patient.parts import acts_html, held_html, label_html, leave_html
from agent.app.sources import opener, sources
from agent.explain import explain
from agent.messages import say
from agent.types import (
    Answer,
    Citation,
    Cited,
    Claim,
    Done,
    Event,
    Language,
    Question,
    Sentence,
    Status,
    Triage,
    Urgency,
)
from agent.understood import Row
from knowledge.places import all_places, place

Tone = Literal["emergency", "crisis", "urgent", "routine", "self_care", "unclear", "question"]

# An emergency number in the heading of an alert, which is our own reviewed text: one touch on a phone calls it.
_NUMBER = re.compile(r"(?<![\w&#/:])(\d{3})(?![\w;])", re.ASCII)

MOST_SAID = 2000
"""Characters of a person's own words that their bubble repeats; the whole message was read all the same."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer as far as it has come. `said` is raw: it lives in memory and on the page only.

    `status` says what is being done and is empty once the turn is over; `note` stands under the answer, `before`
    above it. `rows` are what was understood by then, `unfolded` whether they are open to be read at once, `hint` what came of
    a try to change them, `tries` how many there were.

    `acts`: it can be asked again and rated; `newest`: nothing was asked since. `kept`: its number in the records, 0 where it is
    not kept; `rule`: of keeping, by which nothing of the conversation is kept any more. `thumb`: 1, -1, 0 for none; `thanks` what
    was said to it. `held`: that a clinician looks at it first; `waits`: under which number it does, 0 where it does not.
    """

    number: int
    said: str
    language: Language
    before: str = ""
    triage: Triage | None = None
    banner: str = ""
    crisis: bool = False
    text: str = ""
    citations: tuple[Citation, ...] = ()
    claims: tuple[Claim, ...] = ()
    status: str = ""
    note: str = ""
    answer: Answer | None = None
    rows: tuple[Row, ...] = ()
    unfolded: bool = False
    hint: str = ""
    tries: int = 0
    acts: bool = False
    newest: bool = True
    kept: int = 0
    rule: str = ""
    thumb: int = 0
    thanks: str = ""
    held: str = ""
    waits: int = 0

    @property
    def over(self) -> bool:
        return not self.status


def after(turn: Turn, event: Event) -> Turn:
    """The turn once `event` has happened. `Done` is the last word: what was streamed gives way to the whole answer."""
    match event:
        case Status(text):
            return replace(turn, status=text)
        case Urgency(triage, banner):
            return replace(turn, triage=triage, banner=banner)
        case Question(text):
            return replace(turn, text=text)
        case Sentence(text):
            return replace(turn, text=turn.text + text)
        case Cited(citation):
            return replace(turn, citations=(*turn.citations, citation))
        case Done(answer, _):
            return replace(
                turn, language=answer.language, triage=answer.triage, banner=answer.banner, text=answer.text,
                crisis=answer.kind == "crisis", citations=answer.citations, claims=answer.claims, status="",
                answer=answer,
            )  # fmt: skip


def tone(turn: Turn) -> Tone:
    """Which colours the banner has; the words in it say the same."""
    if turn.crisis:
        return "crisis"
    if turn.triage is None:
        return "unclear"
    if turn.triage.level == "self_care" and not turn.triage.has_symptom:
        return "question"
    return turn.triage.level


def turns_html(turns: tuple[Turn, ...]) -> str:
    """Earlier turns, oldest first; what was understood is changed under the newest only."""
    return "".join(turn_html(replace(turn, rows=(), newest=False)) for turn in turns)


def turn_html(turn: Turn) -> str:
    """One turn: the person's words, the urgency, the answer, what could not be found, the sources.

    The parts keep their places while a turn grows, because the page is changed part by part: what is open stays open.
    Neighbouring turns have different tags, so that a second alert in the same words is a new element and is read out.
    """
    language, tag = turn.language, ("article", "section")[turn.number % 2]
    opens = {citation.key: opener(turn, citation) for citation in turn.citations}
    parts = (
        f'<div class="said"><span class="who">{said(language, "you_said")}</span>{_spoken(turn)}</div>',
        f'<div class="before">{blocks(turn.before)}</div>',
        _banner(turn),
        held_html(turn),
        f'<div class="body">{blocks(turn.text, opens)}</div>',
        leave_html(turn),
        f'<div class="note">{blocks(_notes(turn))}</div>',
        f'<p class="working">{plain(turn.status)}</p>' if turn.status else '<p class="working" hidden></p>',
        label_html(turn),
        sources(turn),
        acts_html(turn),
        _words(turn),
        _how(turn),
        understood_html(turn),
        paper_html(turn),
    )
    busy = "false" if turn.over else "true"
    made = ' data-ai-generated="true"' if turn.answer is not None else ""
    return f'<{tag} class="turn" lang="{lang(language)}" aria-busy="{busy}"{made}>{"".join(parts)}</{tag}>'


def heading_html(language: Language) -> str:
    """The name and what one does here."""
    return (
        f'<div lang="{lang(language)}"><h1>{said(language, "app_title")}</h1>'
        f"<p>{said(language, 'app_subtitle')}</p></div>"
    )


def reminder_html(language: Language) -> str:
    """The line that stays under the message box."""
    return f'<p class="reminder" lang="{lang(language)}">{said(language, "reminder")}</p>'


def places_html(code: str, language: Language) -> str:
    """The choices of a place, `code` chosen; "not set" comes first."""
    listed = (("", say(language, "place_none")), *((here.code, here.name[language]) for here in all_places()))
    return "".join(
        f'<option value="{plain(value)}"{" selected" if value == code else ""}>{plain(name)}</option>'
        for value, name in listed
    )


def place_html(code: str, language: Language) -> str:
    """The emergency number of the place that was set, or what setting it is for."""
    here = place(code) if code else None
    if here is None:
        words = say(language, "place_why")
    else:
        numbers = say(language, "comma" if language == "zh" else "or").join(here.ambulance)
        words = say(language, "place_number", place=here.name[language], numbers=f"**{numbers}**")
    return f'<div class="here" role="status" lang="{lang(language)}">{blocks(words)}</div>'


def _banner(turn: Turn) -> str:
    if not turn.banner:
        return '<div class="banner" hidden></div>'
    colours = tone(turn)
    role = "alert" if colours in ("emergency", "crisis") else "status"
    rules = turn.triage.rules if turn.triage else ()
    fine_print = compose.rule_lines(rules, language=turn.language, most=len(rules))
    words = blocks(turn.banner, small=fine_print)
    if role == "alert":
        heading, end, rest = words.partition("</p>")
        words = _NUMBER.sub(r'<a href="tel:\1">\1</a>', heading) + end + rest
    # Not a div: a hidden div that becomes an alert is not always read out, a new element is.
    return f'<aside class="banner {colours}" role="{role}">{words}</aside>'


def _spoken(turn: Turn) -> str:
    shown, more = turn.said[:MOST_SAID], len(turn.said) - MOST_SAID
    rest = f'<p class="small">{said(turn.language, "said_more", count=more)}</p>' if more > 0 else ""
    return f'<p class="words" dir="auto">{plain(shown)}</p>{rest}'


def _notes(turn: Turn) -> str:
    notes = [turn.note]
    if turn.answer is not None:
        cut = sum(not claim.supported for claim in turn.claims)
        notes.append(turn.answer.not_found if turn.answer.not_found not in turn.text else "")
        notes.append(say(turn.language, "unsupported_cut", count=cut) if cut and turn.citations else "")
    return "\n\n".join(filter(None, notes))


def _words(turn: Turn) -> str:
    """The answer's medical words in plain ones, once the answer is whole."""
    found = explain(turn.text, turn.language) if turn.over and turn.answer else ()
    if not found:
        return '<details class="words" hidden></details>'
    comma = say(turn.language, "comma")
    listed = "".join(
        f"<dt>{plain(each.word)}</dt><dd>{plain(comma.join(each.plain))}"
        f"{f' · {plain(each.other)}' if each.other else ''}</dd>"
        for each in found
    )
    return (
        f'<details class="words"><summary>{said(turn.language, "words_heading")}</summary><dl>{listed}</dl></details>'
    )


def _how(turn: Turn) -> str:
    """Which rules, which model, how long: every decision shows its rule."""
    answer, language = turn.answer, turn.language
    if answer is None:
        return '<details class="how" hidden></details>'
    lines = [say(language, "how_rules", rules=say(language, "comma").join(answer.rules))] if answer.rules else []
    lines.append(say(language, "how_model", model=answer.model) if answer.model else say(language, "how_no_model"))
    lines.append(say(language, "how_settings", settings=answer.settings))
    return f'<details class="how"><summary>{said(language, "how_heading")}</summary>{blocks(chr(10).join(lines))}</details>'
