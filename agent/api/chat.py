"""What a chat completion is asked with, as OpenAI's clients send it, and what of it this agent reads."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from agent.api.faults import NoModel, Unsupported
from agent.api.fields import MOST_MESSAGES, Country, Listener, Text
from agent.api.turns import Asked

MODELS: dict[str, Listener] = {"anamnesis": "patient", "anamnesis-clinician": "clinician"}
"""The names an answer can be asked under, and whom it is then written for."""
# Named, so that nobody believes they did something: none of these can change what is said.
_WITHOUT_EFFECT = frozenset({
    "temperature", "top_p", "seed", "max_tokens", "max_completion_tokens", "stop", "presence_penalty", "frequency_penalty",
    "logit_bias", "user", "safety_identifier", "metadata", "service_tier", "parallel_tool_calls", "reasoning_effort",
    "verbosity", "prompt_cache_key", "prediction",
})  # fmt: skip
# What a client cannot do without when it asks for it: refused, never left out in silence.
_REFUSED = {
    "tools": "tools are not called", "functions": "functions are not called", "logprobs": "log probabilities are not given",
    "top_logprobs": "log probabilities are not given", "audio": "no audio is made", "web_search_options": "the web is not searched",
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z_][\w.-]{0,63}", re.ASCII)


class Part(BaseModel):
    """A part of a message. Only text can be read."""

    model_config = ConfigDict(extra="allow", strict=True)
    type: str = Field(max_length=64)
    text: Text | None = None


class ChatMessage(BaseModel):
    """A message. `system` and `developer` text is the client's own and changes nothing of what is said."""

    model_config = ConfigDict(extra="allow", strict=True)
    role: Literal["system", "developer", "user", "assistant"]
    content: Text | Annotated[list[Part], Field(max_length=100)] | None = None
    name: str | None = Field(None, max_length=200, description="Not read: it names a person.")


class StreamOptions(BaseModel):
    """How a stream ends."""

    model_config = ConfigDict(extra="allow", strict=True)
    include_usage: bool = False


class Extension(BaseModel):
    """Our own fields of a request (`extra_body={"anamnesis": {...}}`)."""

    model_config = ConfigDict(extra="forbid", strict=True)
    country: Country = ""
    audience: Listener | None = None
    intake: bool | None = None
    conversation: Annotated[str, StringConstraints(max_length=64)] = ""


class Completion(BaseModel):
    """A request as OpenAI's clients send it. Parameters that cannot have an effect here are named in the answer's `ignored`."""

    model_config = ConfigDict(
        extra="allow",
        strict=True,
        json_schema_extra={
            "examples": [{"model": "anamnesis", "messages": [{"role": "user", "content": "Can a cold cause a fever?"}]}]
        },
    )
    model: str = Field(max_length=200)
    messages: list[ChatMessage] = Field(min_length=1, max_length=MOST_MESSAGES)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: int | None = 1
    store: bool | None = False
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    seed: int | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    user: Any = Field(None, description="Not read and not logged: it names a person.")
    anamnesis: Extension | None = None


def audience_of(model: str) -> Listener:
    """Whom a model's answers are for.

    Raises:
        NoModel: there is no such model.
    """
    if model not in MODELS:
        raise NoModel("There is no such model", expected=f"one of {', '.join(MODELS)}")
    return MODELS[model]


def asked(body: Completion) -> tuple[Asked, tuple[str, ...]]:
    """What a completion asks, and the names of what was left out of it.

    Raises:
        NoModel: there is no such model.
        Unsupported: it asks for what cannot be done here, and names it.
    """
    audience = audience_of(body.model)
    given = body.model_extra or {}
    _refuse(body, given)
    messages = [(number, message, _text(number, message)) for number, message in enumerate(body.messages)]
    told = [(message.role, text) for _, message, text in messages if message.role in ("user", "assistant")]
    if not told or body.messages[-1].role != "user":
        raise Unsupported(
            "The last message is not the user's", param=f"messages.{len(messages) - 1}.role", expected="role user"
        )
    own = body.anamnesis or Extension()
    question = Asked(
        message=told[-1][1],
        earlier=tuple(told[:-1]),
        audience=own.audience or audience,
        country=own.country.upper(),
        intake=own.intake,
        store=bool(body.store),
        conversation=own.conversation,
    )
    sent = {name for name in body.model_fields_set if getattr(body, name, None) is not None} | set(given)
    ignored = {name for name in sent if name in _WITHOUT_EFFECT or (name in given and _NAME.fullmatch(name))}
    if any(message.role in ("system", "developer") for message in body.messages):
        ignored.add("system")
    return question, tuple(sorted(ignored))


def _refuse(body: Completion, given: dict[str, Any]) -> None:
    if body.n not in (None, 1):
        raise Unsupported("One answer is given", param="n", expected="n = 1")
    for name, why in _REFUSED.items():
        if given.get(name):
            raise Unsupported(f"{name}: {why}", param=name, code="unsupported_parameter")
    kind = given.get("response_format")
    if kind is not None and not (isinstance(kind, dict) and kind.get("type") == "text"):
        raise Unsupported("Answers are text", param="response_format", expected='{"type": "text"}')
    modalities = given.get("modalities")
    if modalities is not None and modalities != ["text"]:
        raise Unsupported("Answers are text", param="modalities", expected='["text"]')


def _text(number: int, message: ChatMessage) -> str:
    if message.content is None:
        if message.role == "assistant":
            return ""
        raise Unsupported("A message has no content", param=f"messages.{number}.content")
    if isinstance(message.content, str):
        return message.content
    found = []
    for place, part in enumerate(message.content):
        if part.type != "text" or part.text is None:
            raise Unsupported(
                "Only text can be read", param=f"messages.{number}.content.{place}", expected='{"type": "text", "text": "..."}'
            )  # fmt: skip
        found.append(part.text)
    return "\n".join(found)
