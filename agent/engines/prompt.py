"""What every message goes through before a template writes it: nobody's words may be a model's control token.

Chat templates paste message text between control tokens, and every engine then parses control tokens wherever it finds
them. A user who types `<|im_end|>` would end their own turn and could write a system turn. llama.cpp, vLLM and
transformers all behave so, for every role, so the cure is here, once, before any engine renders.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from knowledge.errors import EngineError

ROLES = ("system", "user", "assistant")

# A space put after the first character is enough: no control token holds a space, none is left whole, and a person
# who asks about `<|im_end|>` still reads what they asked. Lookahead, so that overlapping tokens are all found.
_CONTROL = re.compile(
    r"""(?P<head>[<\[])(?=
        [|｜]                                                        # ChatML, Llama 3, Phi, GLM; DeepSeek's wide bar
      | /?(?:s|bos|eos|unk|pad|mask|cls|sep)>                        # SentencePiece and its heirs
      | /?(?:start_of_turn|end_of_turn|start_of_image|end_of_image)> # Gemma
      | /?(?:tool_call|tool_calls|tool_response|tools|think|fim_[a-z]+)>  # Qwen, Hermes, StarCoder
      | /?(?:repo_name|reponame|file_sep|filename|gh_stars|issue_start|issue_comment|issue_closed|empty_output
          |jupyter_(?:start|text|code|output|script))>               # SmolLM2, StarCoder
      | <SYS>> | </SYS>>                                             # Llama 2
      | /?(?:INST|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|SYSTEM_PROMPT)\]  # Mistral
      | /?(?:CLS|SEP|MASK|PAD\d*|UNK|gMASK|sMASK)\]
      | /?(?:BOS|EOS|SYS|USER|ASSISTANT|unused_?\d{1,6}|reserved_\w{1,40}|extra_id_\d{1,6})>
    )""",
    re.VERBOSE | re.IGNORECASE,
)

# NUL ends a C string early; a lone surrogate has no UTF-8 form.
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")


def defuse(text: str) -> str:
    """`text` in NFC, without unsendable characters, and with a space inside anything a model reads as control.

    NFC because Hugging Face's Qwen tokenizer composes characters and llama.cpp's does not: without it the engines read
    different token ids. Applying it twice changes nothing more. Linear in the length of the text.
    """
    return _CONTROL.sub(r"\g<head> ", unicodedata.normalize("NFC", _UNSENDABLE.sub("\ufffd", text)))


def clean(messages: Iterable[Mapping[str, str]]) -> tuple[dict[str, str], ...]:
    """The messages that may be rendered: known roles, defused text, nothing else.

    Raises EngineError for an empty conversation, an unknown role, or a missing text.
    """
    cleaned = []
    for message in messages:
        role, content = message.get("role"), message.get("content")
        if role not in ROLES:
            raise EngineError(f"a message has the role {role!r}", expected=f"one of {', '.join(ROLES)}")
        if not isinstance(content, str):
            raise EngineError(
                f"a {role} message has no text", expected='{"role", "content"} with a string', remedy="Give it one"
            )
        cleaned.append({"role": role, "content": defuse(content)})
    if not cleaned:
        raise EngineError("there is no message to answer", expected="at least one", remedy="Add a user message")
    return tuple(cleaned)
