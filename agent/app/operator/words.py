"""Numbers, roles and faults in words, as every part of the page says them."""

from __future__ import annotations

from collections.abc import Mapping

from agent.app.operator.percentiles import Estimate
from agent.app.staff.html import Html, code, fault, join, tag
from agent.messages import say
from agent.types import Language
from knowledge.errors import AnamnesisError

_AGES = ((86_400, "days"), (3_600, "hours"), (60, "minutes"))


def told(fields: Mapping[str, object], language: Language) -> dict[str, object]:
    """The fields of a message, its roles in the words of the language."""
    return {
        name: role_words(str(value), language) if name in ("role", "was") else value for name, value in fields.items()
    }


def trouble(error: AnamnesisError, language: Language) -> Html:
    """What went wrong: in the page's language where it has words for it, else in the program's own."""
    message = getattr(error, "message", "")
    if isinstance(message, str) and message:
        return fault(say(language, message, **told(error.fields, language)))  # type: ignore[attr-defined]
    said = tag("span", f"{error.wrong}. {error.remedy}".strip(), lang="en")
    return fault(say(language, "operator_could_not"), remedy=said)


def secret(text: str, language: Language) -> Html:
    """What is shown this once."""
    return join((tag("p", tag("strong", say(language, "operator_once"))), code(text)))


def role_words(role: str, language: Language) -> str:
    """A role's name for a person."""
    return say(language, f"staff_role_{role}")


def yes_no(value: object, language: Language) -> str:
    """Yes or no."""
    return say(language, "operator_yes" if value else "operator_no")


def size(count: int) -> str:
    """Bytes as a person reads them."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def age(seconds: float, language: Language) -> str:
    """A length of time in its largest whole unit."""
    for unit, name in _AGES:
        if seconds >= unit:
            return say(language, f"operator_{name}", n=int(seconds // unit))
    return say(language, "operator_under_minute")


def seconds(estimate: Estimate | None) -> str:
    """A percentile: three figures at most."""
    if estimate is None:
        return "-"
    value = estimate.seconds
    shown = f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:.0f}"
    return f"> {shown} s" if estimate.beyond else f"{shown} s"


def hashed(text: str) -> Html:
    """Enough of a hash to compare by eye; all of it for who points at it or reads the page's source."""
    return tag("code", text[:16] + ("…" if len(text) > 16 else ""), title=text)
