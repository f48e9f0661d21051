"""The group answers without torch; what needs it says what to install."""

from __future__ import annotations

import sys

import pytest
from click.testing import CliRunner

from agent.cli import COMMANDS
from finetune.cli import finetune_group
from knowledge.errors import ConfigError

ALL = {"card", "collect", "data", "evaluate", "export", "list", "parity", "promote", "rollback", "train"}


def test_every_command_is_there():
    assert set(finetune_group.commands) == ALL and COMMANDS["finetune"][0] == "finetune.cli:finetune_group"


@pytest.mark.parametrize("name", sorted(ALL))
def test_help_loads_nothing_heavy(name, monkeypatch):
    for heavy in ("torch", "transformers", "peft"):
        monkeypatch.setitem(sys.modules, heavy, None)
    done = CliRunner().invoke(finetune_group, [name, "--help"], catch_exceptions=False)
    assert done.exit_code == 0 and "Usage:" in done.stdout


def test_training_without_the_extra_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("ANAMNESIS_HOME", str(tmp_path))
    monkeypatch.setattr("finetune.base.find_spec", lambda name: None)
    done = CliRunner().invoke(finetune_group, ["train", "smollm2-cpu"])
    assert isinstance(done.exception, ConfigError) and "pip install 'anamnesis[finetune]'" in str(done.exception)


def test_an_adapter_nobody_has_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("ANAMNESIS_HOME", str(tmp_path))
    done = CliRunner().invoke(finetune_group, ["export", "nobody", "--to", "gguf"])
    assert "there is no adapter nobody" in str(done.exception)
