"""Which language a message is answered in."""

from __future__ import annotations

import pytest

from agent.language import detect


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I have a sore throat", "en"),
        ("我嗓子疼", "zh"),
        ("我頭痛三天了", "zh"),
        ("胸痛", "zh"),
        ("my name is 张伟 and I have chest pain", "en"),
        ("what does 上火 mean, is it dangerous?", "en"),
        ("我在吃metformin and aspirin", "zh"),
        ("CT 肺结节", "zh"),
        ("BNP 高", "zh"),
        ("I have 头痛 and 发烧 for two days", "en"),
        ("ok", "en"),
        ("[NAME-1] 发烧", "zh"),
        ("[NAME-1] has a fever since [DATE-1 -3d]", "en"),
        ("¿Qué hago con la fiebre?", "en"),
        ("what does 我很难受 mean in english please tell me", "en"),
    ],
)
@pytest.mark.parametrize("previous", ["en", "zh", None])
def test_words_decide(text, expected, previous):
    assert detect(text, previous) == expected


@pytest.mark.parametrize("text", ["", "😀😀", "38.5", "?!", "[NAME-1]", "\ud800", "مرحبا", "頭が痛い"])
def test_without_words_the_conversation_goes_on_in_its_language(text):
    assert detect(text, "zh") == "zh"
    assert detect(text, "en") == "en"
    assert detect(text, None) == "en"
