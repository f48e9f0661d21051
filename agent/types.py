"""Values of one turn: frozen, serialisable, data without behaviour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

Level = Literal["emergency", "urgent", "routine", "self_care", "unclear"]
Kind = Literal["answer", "clarify", "emergency", "crisis", "refusal", "out_of_scope", "not_found"]
Language = Literal["en", "zh"]
Audience = Literal["patient", "clinician"]

LEVELS: tuple[Level, ...] = ("self_care", "routine", "urgent", "emergency")
"""Lowest to highest; `unclear` stands outside the order."""


@dataclass(frozen=True, slots=True)
class Span:
    """An identifier found in a text. `start` and `end` are code points of the raw input, end exclusive."""

    type: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SafeText:
    """Text whose identifiers are placeholders. Only `agent.privacy` makes one; a test holds it.

    `text` is the redacted text; `spans` are positions in the raw input, never the raw words.
    """

    text: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A thing said about somebody's health. `start`, `end` are code points of the redacted text.

    `negated`: denied. `experiencer`: "patient" (who the advice is for) or "other". `time`: "now", "past" or
    "hypothetical" (asked about, feared, or a figure of speech). `resolved`: said to be over ("gone now"); still
    `present`, since rules for stroke, blackout and the like look at what happened, not at what is left.
    `sentence` numbers the sentence within its text.
    """

    id: str
    start: int
    end: int
    text: str
    negated: bool = False
    experiencer: Literal["patient", "other"] = "patient"
    time: Literal["now", "past", "hypothetical"] = "now"
    resolved: bool = False
    sentence: int = 0

    @property
    def present(self) -> bool:
        return not self.negated and self.experiencer == "patient" and self.time == "now"


@dataclass(frozen=True, slots=True)
class Facts:
    """What has been said of the person the advice is for. None or empty: not said."""

    age_years: float | None = None
    sex: Literal["female", "male", ""] = ""
    pregnant: bool | None = None
    pregnancy_weeks: int | None = None
    postpartum: bool = False
    duration_hours: float | None = None
    temperature_c: float | None = None
    weight_kg: float | None = None
    conditions: tuple[str, ...] = ()
    medicines: tuple[str, ...] = ()
    subject: Literal["self", "other"] = "self"


@dataclass(frozen=True, slots=True)
class FiredRule:
    """A triage rule that fired, with what a reader needs to check it."""

    id: str
    level: Level
    reason: str
    advice: str
    source: str
    url: str
    year: int
    where: str = ""
    hours: int | None = None


@dataclass(frozen=True, slots=True)
class Triage:
    """The urgency of a conversation so far. `rules` fired, highest first; `question` is set when `unclear`.

    `where`: for an emergency "ambulance", "hospital" or "maternity". `hours`: for urgent 4, 24 ("today") or 48.
    `floor`: what a rule, a question left unanswered or an earlier turn says at least; the learned reader may settle a
    level above it, never below.
    """

    level: Level
    rules: tuple[FiredRule, ...] = ()
    reason: str = ""
    where: str = ""
    hours: int | None = None
    question: str = ""
    findings: tuple[Finding, ...] = ()
    facts: Facts = Facts()
    has_symptom: bool = False
    floor: Level = "self_care"


@dataclass(frozen=True, slots=True)
class Policy:
    """May we answer, and how. `kind` None: go on. `rule` names the decision; `text` is reviewed text to show.

    `level`: for a crisis, the least level it means ("emergency" with a plan, means or harm done; else "urgent"). `aside`: what is
    said of a wish about the record, beside any decision.
    """

    kind: Kind | None
    rule: str
    text: str = ""
    caution: str = ""
    lines: tuple[str, ...] = ()
    level: Literal["urgent", "emergency"] | None = None
    aside: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of an answer. `quote` is a substring of the passage behind `key`; empty when unsupported."""

    text: str
    supported: bool
    key: str = ""
    quote: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Citation:
    """What a `[key]` opens: the quoted span in its passage, the page, who published it and when, under which licence.

    `own_words`: the passage is our library's, written after the sources it names. `superseded_by` names what has taken
    the page's place; `page` counts from 1; `evidence_grade` is the source's own.
    """

    key: str
    passage: str
    document: str
    title: str
    source: str
    url: str
    published: str
    quote: str
    text: str
    also: tuple[str, ...] = ()
    reviewed_by: str = ""
    own_words: bool = False
    jurisdiction: tuple[str, ...] = ()
    licence: str = ""
    superseded_by: str = ""
    evidence_grade: str = ""
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything a turn said. `text` is what the person reads, keys in brackets; `timings` are seconds by stage."""

    kind: Kind
    level: Level
    text: str
    language: Language
    triage: Triage
    citations: tuple[Citation, ...] = ()
    claims: tuple[Claim, ...] = ()
    not_found: str = ""
    banner: str = ""
    model: str = ""
    settings: str = ""
    timings: dict[str, float] = field(default_factory=dict)
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One turn's words. A user's text is redacted before it becomes a Message.

    `crisis`: the rule of policy that took a user's words for a crisis, "" where none did; None where nothing read them for it.
    """

    role: Literal["user", "assistant"]
    text: str
    kind: str = ""
    crisis: str | None = None


@dataclass(frozen=True, slots=True)
class ConversationState:
    """A conversation as a value: replaying its messages gives it again. Holds no raw text.

    `asked`: ids of what was asked back; `topic`: title of the page last answered from; `helped`: documents whose signs
    for getting help were shown; `person`: whom it is about now ("self" or a group of kin, empty: nobody yet); `begins`: the
    place of the message with which that person's history begins.
    """

    id: str
    language: Language | None = None
    audience: Audience = "patient"
    country: str = ""
    messages: tuple[Message, ...] = ()
    triage: Triage | None = None
    asked: tuple[str, ...] = ()
    intake_turns: int = 0
    topic: str = ""
    helped: tuple[str, ...] = ()
    person: str = ""
    begins: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """A line that says what is being done."""

    text: str


@dataclass(frozen=True, slots=True)
class Urgency:
    """The level and its words, before any model."""

    triage: Triage
    banner: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked back."""

    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A verified stretch of the answer, ready to show. Concatenated, they are the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    """A citation became known."""

    citation: Citation


@dataclass(frozen=True, slots=True)
class Done:
    """The turn is over: the whole answer and the conversation's next state."""

    answer: Answer
    state: ConversationState


Event: TypeAlias = Status | Urgency | Question | Sentence | Cited | Done


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What is sent to a model. `messages` have roles system, user, assistant; temperature 0 is greedy."""

    messages: tuple[dict[str, str], ...]
    max_tokens: int = 256
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """A streamed stretch of text. The last piece has `finish`: "stop", "length" or "cancelled", and the counts.

    `cached_tokens`: how many of the prompt's tokens were not read again because an earlier prompt began the same.
    """

    text: str
    finish: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None


class Cancel(Protocol):
    """Asked between tokens; `threading.Event` fits."""

    def is_set(self) -> bool: ...


class ChatModel(Protocol):
    """One model behind any engine.

    `name` is shown and logged; `weights` is a hash or revision; `adapter` a hash or empty; `context` the window in
    tokens; `concurrency` how many requests may run at once.
    """

    name: str
    weights: str
    adapter: str
    context: int
    concurrency: int

    def render(self, messages: tuple[dict[str, str], ...]) -> str:
        """The prompt as the model's own chat template writes it, up to where the assistant speaks."""

    def tokens(self, text: str) -> list[int]:
        """Token ids of a rendered prompt (special tokens parsed). Raises EngineError where an endpoint has none."""

    def stream(self, request: ChatRequest, *, cancel: Cancel | None = None) -> Iterator[Piece]:
        """Text as it is written. Raises EngineError when the prompt and max_tokens do not fit `context`."""

    def close(self) -> None:
        """Free the weights."""
