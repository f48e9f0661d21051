"""The tab to run suites: choose, count, begin, watch, stop, go on."""

# No `from __future__ import annotations`: Gradio reads the real annotation `gr.Request` of a local function.
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import models
from agent.active import GGUF
from agent.app.bench import aside
from agent.app.bench.cases import own_file
from agent.app.bench.common import QUIET, SLOW, asker, failed, run_choices
from agent.app.bench.plan import ENGINES, PROFILES, Choice, as_row, check, from_row, ordered, settings_of
from agent.app.bench.runs import Runs
from agent.app.bench.show_runs import counted_html, runs_html
from agent.app.staff.html import fault, muted, tag
from agent.app.staff.types import House
from agent.messages import say
from agent.types import Language
from evals.catalogue import SUITES
from knowledge.errors import AnamnesisError, InputError

if TYPE_CHECKING:
    import gradio as gr

_LOOK_S = 3
_LOOKS = 400
"""Looks without anything being pressed: 20 minutes, after which the page is left alone, so that a session that nobody uses ends."""


def run_tab(house: House, language: Language, demo: "gr.Blocks") -> None:
    """Build the tab within the Blocks that are being made."""
    import gradio as gr

    def words(name: str, **fields: object) -> str:
        return say(language, f"bench_{name}", **fields)

    runs = Runs(house.settings.home)
    if aside.needs_extra():
        gr.HTML(fault(words("needs_extra"), remedy=tag("code", "pip install 'anamnesis[evals]'")), padding=False)
    gr.HTML(muted(words("run_about")), padding=False)
    suites = gr.CheckboxGroup(_suites(language), value=["triage"], label=words("suites"), elem_id="bn-suites")
    with gr.Row():
        target = gr.Radio([(words(f"target_{name}"), name) for name in ("agent", "bare", "endpoint")], value="agent",
                          label=words("target"), elem_id="bn-target")  # fmt: skip
        engine = gr.Dropdown([(words(f"engine_{name}"), name) for name in ENGINES], value="none", label=words("engine"))
        model = gr.Dropdown([(words("model_default"), ""), *((card.id, card.id) for card in models.catalogue())], value="",
                            label=words("model"), info=words("model_info"), allow_custom_value=True)  # fmt: skip
        adapter = gr.Dropdown(
            [(words("adapter_served"), ""), (words("adapter_none"), "none")], value="", label=words("adapter")
        )
    with gr.Row():
        profile = gr.Radio([(words("profile_own"), ""), *((words(f"profile_{name}"), name) for name in PROFILES)], value="quick",
                           label=words("profile"))  # fmt: skip
        # Text: an empty number field is sent as 0, which here means all.
        n = gr.Textbox(label=words("n"), info=words("n_info"), max_length=9, min_width=140, elem_id="bn-n")
        seed = gr.Textbox(label=words("seed"), info=words("seed_info"), max_length=9, min_width=140, elem_id="bn-seed")
        only = gr.Dropdown(
            [(words("both"), ""), ("English", "en"), ("中文", "zh")], value="", label=words("only"), min_width=140
        )
    with gr.Accordion(words("more"), open=False):
        with gr.Row():
            base_url = gr.Textbox(label=words("base_url"), placeholder="http://127.0.0.1:8000/v1")
            key_env = gr.Textbox(label=words("key_env"), info=words("key_env_info"), placeholder="EXAMPLE_API_KEY")
        with gr.Row():
            judge = gr.Textbox(
                label=words("judge"), info=words("judge_info"), placeholder="bare/llamacpp/qwen2.5-coder-1.5b"
            )
            given = gr.Textbox(label=words("settings"), info=words("settings_info"), lines=2, placeholder="country=GB")
        own = gr.Checkbox(False, label=words("own_cases"))
    fields = [suites, target, engine, model, adapter, profile, n, seed, only, base_url, key_env, judge, given, own]
    planned = gr.State("")
    with gr.Row():
        count = gr.Button(words("count"), scale=0, min_width=240, elem_id="bn-count")
        begin = gr.Button(
            words("begin"), variant="primary", interactive=False, scale=0, min_width=140, elem_id="bn-begin"
        )
    plan = gr.HTML(elem_id="bn-plan", padding=False)

    gr.HTML(tag("h2", words("runs")), padding=False)
    told = gr.HTML(elem_id="bn-told", padding=False)
    listed = gr.HTML(elem_id="bn-runs", padding=False)
    with gr.Row():
        chosen = gr.Dropdown([], label=words("run"), elem_id="bn-run")
        stop = gr.Button(words("stop"), scale=0, min_width=120, elem_id="bn-stop")
        resume = gr.Button(words("resume"), scale=0, min_width=120, elem_id="bn-resume")
        look = gr.Button(words("refresh"), scale=0, min_width=180, elem_id="bn-refresh")
    looked = gr.State(0)
    clock = gr.Timer(_LOOK_S, active=False)

    def shown(message: str = "") -> dict[Any, Any]:
        """The list as it stands; the page looks again while a run is at work."""
        found = runs.listed()
        busy = any(run.state in ("running", "stopping") for run in found)
        return {listed: runs_html(found, language), told: message, clock: gr.Timer(active=busy), looked: 0}

    def look_up(request: gr.Request) -> dict[Any, Any]:
        try:
            asker(house, request, "read_reports")
            found = runs.listed()
            choices = run_choices(found)
            return shown() | {
                chosen: gr.Dropdown(choices, value=found[0].id if found else None),
                adapter: gr.Dropdown(_adapters(house, language)),
            }  # fmt: skip
        except Exception as error:
            return {told: failed(error, language)}

    def look_again(times: int, request: gr.Request) -> dict[Any, Any]:
        try:
            asker(house, request, "read_reports")
            if times >= _LOOKS:
                return {clock: gr.Timer(active=False), told: muted(words("left_alone"))}
            return shown() | {looked: times + 1}
        except Exception as error:
            return {told: failed(error, language), clock: gr.Timer(active=False)}

    def count_up(given_all: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        try:
            asker(house, request, "run_evals")
            choice = check(_choice(house, *(given_all[each] for each in fields)))
            sizes = json.loads(aside.done(house.settings.home, "count", told=json.dumps(as_row(choice))))
        except Exception as error:
            return {plan: failed(error, language), planned: "", begin: gr.Button(interactive=False)}
        return {
            plan: counted_html(choice, sizes, language), planned: json.dumps({"choice": as_row(choice), "sizes": sizes}),
            begin: gr.Button(interactive=True),
        }  # fmt: skip

    def forget() -> dict[Any, Any]:
        return {planned: "", begin: gr.Button(interactive=False)}

    def start(held: str, request: gr.Request) -> dict[Any, Any]:
        try:
            asker(house, request, "run_evals")
            aside.check_extra()
            row = json.loads(held)
            run = runs.begin(from_row(row["choice"]), row["sizes"])
        except Exception as error:
            return shown(failed(error, language))
        found = runs.listed()
        return shown(tag("p", words("began", run=run.id), role="status")) | {
            chosen: gr.Dropdown(run_choices(found), value=run.id), planned: "", begin: gr.Button(interactive=False),
        }  # fmt: skip

    def change(way: str) -> Any:
        def act(id: str | None, request: gr.Request) -> dict[Any, Any]:
            try:
                asker(house, request, "run_evals")
                if way == "resume":
                    aside.check_extra()
                run = (runs.stop if way == "stop" else runs.resume)(str(id or ""))
            except Exception as error:
                return shown(failed(error, language))
            return shown(tag("p", words(f"{way}_said", run=run.id), role="status"))

        return act

    after = [listed, told, clock, looked]
    count.click(count_up, set(fields), [plan, planned, begin], **SLOW)
    gr.on([each.change for each in fields], forget, None, [planned, begin], **QUIET)
    begin.click(start, planned, [*after, chosen, planned, begin], **QUIET)
    stop.click(change("stop"), chosen, after, **QUIET)
    resume.click(change("resume"), chosen, after, **QUIET)
    look.click(look_up, None, [*after, chosen, adapter], **QUIET)
    clock.tick(look_again, looked, after, **QUIET)
    demo.load(look_up, None, [*after, chosen, adapter], **QUIET)


def _suites(language: Language) -> list[tuple[str, str]]:
    found = []
    for suite in SUITES:
        needs = "only_agent" if suite.on == "agent" else "needs_judge" if suite.judge else ""
        more = f" ({say(language, f'bench_{needs}')})" if needs else ""
        found.append((f"{suite.name}: {say(language, f'bench_suite_{suite.name}')}{more}", suite.name))
    return found


def _choice(
    house: House, suites: Any, target: str, engine: str, model: Any, adapter: Any, profile: Any, n: Any, seed: Any, only: Any,
    base_url: Any, key_env: Any, judge: Any, given: Any, own: bool,
) -> Choice:  # fmt: skip
    """What the fields say; an empty one comes as None or as no words."""
    adapter = str(adapter or "")
    if adapter and adapter not in {path for _, path in _adapters(house, "en")}:
        raise InputError("There is no such adapter", remedy="Choose one from the list")
    if engine == "llamacpp" and adapter not in ("", "none"):
        adapter = str(Path(adapter) / GGUF)
    model, only, base_url, key_env, judge = (
        str(each or "").strip() for each in (model, only, base_url, key_env, judge)
    )
    return Choice(
        suites=ordered(suites), target=target, engine=engine or "none", model=model, adapter=adapter, base_url=base_url,
        key_env=key_env, settings=settings_of(str(given or "")), profile=str(profile or ""), n=_whole(n), seed=_whole(seed),
        language=only, judge=judge, own_cases=str(own_file(house.settings.home)) if own else "",
    )  # fmt: skip


def _whole(typed: Any) -> int | None:
    """A whole number, None for an empty field. Raises InputError for anything else."""
    said = str(typed or "").strip()
    if said and not (said.isascii() and said.isdigit()):
        raise InputError(f"{said!r} is no number of samples or seed", expected="a whole number from 0, or nothing")
    return int(said) if said else None


def _adapters(house: House, language: Language) -> list[tuple[str, str]]:
    """The adapters of the home and those that ship, in the form that each engine takes; only these may be chosen."""
    found = [(say(language, "bench_adapter_served"), ""), (say(language, "bench_adapter_none"), "none")]
    try:
        from finetune.registry import run_list

        for row in run_list(home=house.settings.home):
            found.append((f"{row['name']} {str(row['digest'])[:8]} ({row['base']})", str(row["path"])))
    except (ImportError, AnamnesisError, KeyError):
        # Without the package, or with a folder that is no adapter: the promoted one and none can still be chosen.
        return found
    return found
