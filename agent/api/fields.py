"""The REST API's requests and answers, field by field, with examples."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from agent.types import Kind, Level

MOST_TEXT = 20_000
"""Characters of one message; a page of print has some 3,000."""
MOST_MESSAGES = 100

Text = Annotated[str, StringConstraints(max_length=MOST_TEXT)]
Country = Annotated[str, StringConstraints(pattern=r"^([A-Za-z]{2})?$")]
Spoken = Literal["en", "zh"]
Listener = Literal["patient", "clinician"]
_COLD = "I've had a runny nose and a sore throat for two days, no fever. Do I need antibiotics?"


class Closed(BaseModel):
    """A request: a field that is not listed is refused, so that a misspelt one is not lost."""

    model_config = ConfigDict(extra="forbid", strict=True)


class TriageAsk(Closed):
    """A text to weigh."""

    text: Text = Field(examples=["My chest feels tight and I am sweating"])
    language: Spoken | None = Field(None, description="Else it is read from the text.")


class TriageTold(BaseModel):
    """The urgency of a text, the rules that fired, and why."""

    level: Level
    rules: list[str]
    reason: str
    language: Spoken


class RedactAsk(Closed):
    """A text with identifiers in it."""

    text: Text = Field(examples=["I am Mary Johnson, call me on 415-555-0134"])


class Span(BaseModel):
    """Where an identifier stood, in code points of the text that was sent; `end` is not part of it."""

    type: str
    start: int
    end: int


class RedactTold(BaseModel):
    """The text with placeholders."""

    text: str
    spans: list[Span]


class SearchAsk(Closed):
    """A query for the passages."""

    text: Text = Field(examples=["antibiotics for a cold"])
    k: int = Field(10, ge=1, le=100, description="How many documents.")
    mode: Literal["bm25", "dense", "hybrid"] = "hybrid"
    language: Spoken | None = Field(None, description="Only passages in this language.")


class Hit(BaseModel):
    """The best passage of a document."""

    id: str
    score: float
    document: str
    title: str
    source: str
    url: str
    text: str


class SearchTold(BaseModel):
    """Hits, best first."""

    hits: list[Hit]


class Said(Closed):
    """A message of a conversation."""

    role: Literal["user", "assistant"]
    content: Text


class Ask(Closed):
    """A question, alone (`text`) or with what was said before it (`messages`, the last of them the user's)."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"text": _COLD, "country": "GB"}]}
    )

    text: Text | None = None
    messages: list[Said] | None = Field(None, min_length=1, max_length=MOST_MESSAGES)
    audience: Listener | None = Field(None, description="Else the installation's.")
    country: Country = Field("", description="Two letters: whose emergency number is shown. Never guessed.")
    intake: bool | None = Field(None, description="Whether to ask back. Else as the installation is set.")
    store: bool = Field(False, description='Keep the conversation for the account; needs its consent to "keep".')
    conversation: str = Field(
        "", max_length=64, description="A kept conversation that goes on; of `messages` only the last is then read."
    )


class Cited(BaseModel):
    """What a key in the answer opens. `passage` is its name under /api/v1/sources."""

    key: str
    title: str
    source: str
    url: str
    published: str
    quote: str
    licence: str
    jurisdiction: list[str]
    superseded_by: str
    evidence_grade: str
    page: int | None
    passage: str


class Claimed(BaseModel):
    """A statement of the answer; unsupported ones were cut from it."""

    text: str
    supported: bool
    key: str
    quote: str


class HeldTold(BaseModel):
    """An answer that waits for a clinician. `turn` fetches it: GET /api/v1/answers/{conversation}/{turn}."""

    turn: int
    since: str
    until: str = Field(description="Then it is given, reviewed or not.")
    before: int = Field(description="How many wait before it.")


class Told(BaseModel):
    """An answer. `answer` is what a person reads: the urgency, then the words. `timings` are seconds."""

    kind: Kind
    level: Level
    answer: str
    citations: list[Cited]
    claims: list[Claimed]
    language: Spoken
    model: str
    settings: str
    timings: dict[str, float]
    rules: list[str]
    not_found: str
    facts: dict[str, Any] = Field(description="What was understood of the person.")
    conversation: str = Field(description="The id under which the audit record stands, and the conversation if kept.")
    kept: bool
    turn: int = Field(description="The number of the turn, where it was kept.")
    not_kept_because: str
    usage_known: bool
    label: str = Field(description="Says that a program wrote it; show it with the answer.")
    ai_generated: bool
    held: HeldTold | None = Field(
        None,
        description="A clinician looks at the answer first; `answer` is what is never withheld: the urgency, the signs.",
    )


class AnswerTold(BaseModel):
    """How it stands with an answer that was held. While `status` is waiting, `answer` is what is never withheld.

    approved: as it was; corrected: in a clinician's words; unreviewed: nobody looked at it in time. The answer says so itself.
    """

    status: Literal["waiting", "approved", "corrected", "unreviewed"]
    conversation: str
    held: HeldTold
    line: str = Field(description="While it waits: what to say of the wait, as it is now.")
    kind: Kind
    level: Level
    answer: str
    citations: list[Cited]
    claims: list[Claimed]
    language: Spoken
    rules: list[str]
    label: str
    ai_generated: bool


class FeedbackAsk(Closed):
    """Whether an answer of a kept conversation helped."""

    conversation: str = Field(max_length=64, examples=["7c0d5f0e8a4b4a0d9a5d9a8f0c1e2b3d"])
    turn: int = Field(ge=1, le=100_000, examples=[1])
    thumb: Literal["up", "down"]
    reason: Annotated[str, StringConstraints(max_length=4000)] = Field("", description="Redacted before it is kept.")


class Noted(BaseModel):
    """It was written down."""

    done: bool = True


class EraseAsk(Closed):
    """What to erase: one conversation, or everything."""

    conversation: str = Field("", max_length=64)
    everything: bool = Field(False, description="All kept conversations and consents of the account.")


class EraseTold(BaseModel):
    """Conversations that were erased, and audit records that were blanked."""

    conversations: int
    records: int


class ConsentAsk(Closed):
    """What the account agrees to."""

    kind: Literal["health", "keep", "review", "training"]
    country: Country = ""
    age: float | None = Field(None, ge=0, le=130, description="Of the person whom it is about.")
    guardian: bool = Field(False, description="A parent or guardian agrees for a child.")


class ConsentTold(BaseModel):
    """A consent. `withdrawn` is empty while it stands."""

    id: str
    kind: str
    version: str
    country: str
    guardian: bool
    given: str
    withdrawn: str


class Source(BaseModel):
    """Who wrote what a passage rests on."""

    organisation: str
    title: str
    url: str
    year: int | None


class SourceTold(BaseModel):
    """A passage, as it is cited."""

    passage: str
    document: str
    title: str
    heading: str
    text: str
    language: Spoken
    url: str
    published: str
    licence: str
    jurisdiction: list[str]
    evidence_grade: str
    superseded_by: str
    reviewed_by: str
    page: int | None
    sources: list[Source]


class Problem(BaseModel):
    """RFC 9457, with what was wrong, what was expected and what to do next."""

    type: str
    title: str
    status: int
    detail: str
    what: str
    expected: str
    remedy: str
    request_id: str
    where: str = ""
