"""The page: four tabs, built once in each language. Every handler looks anew who asks; what is done goes through `acts`."""

# No `from __future__ import annotations`: Gradio reads the real annotation `gr.Request` of a local function.
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from agent.accounts import keys as api_keys
from agent.accounts import people
from agent.accounts.permissions import require, table
from agent.accounts.types import ROLES, Who
from agent.app.operator import acts, shown_accounts, shown_holdings, shown_now
from agent.app.operator.asking import Asking
from agent.app.operator.words import role_words, trouble
from agent.app.staff.html import Html, fault
from agent.app.staff.types import House
from agent.app.staff.who import who_asks
from agent.messages import say
from agent.types import Language
from knowledge.errors import AnamnesisError

if TYPE_CHECKING:
    import gradio as gr

log = logging.getLogger("anamnesis.operator")
Part = dict[Any, Any]

# Only while somebody looks: a page that asks for ever would also keep a session that nobody uses from ending by its idle time.
_REFRESH = """() => {
  if (window.operatorLooks) return;
  let last = Date.now();
  for (const kind of ['pointerdown', 'pointermove', 'wheel', 'keydown', 'focusin', 'touchstart'])
    addEventListener(kind, () => { last = Date.now(); }, {passive: true, capture: true});
  const look = () => {
    const idle = Date.now() - last > 300000;
    const paused = document.getElementById('operator-paused');
    if (paused) paused.hidden = !idle;
    const now = document.getElementById('operator-now');
    if (document.hidden || idle || !now || now.offsetParent === null) return;
    document.getElementById('operator-refresh').click();
  };
  window.operatorLooks = setInterval(look, 10000);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) { last = Date.now(); look(); } });
}"""


def build(house: House, language: Language) -> "gr.Blocks":
    """The page in one language."""
    import gradio as gr

    from agent.app.operator import PAGE
    from agent.app.staff.frame import frame

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}

    def words(name: str) -> str:
        return say(language, f"operator_{name}")

    demo: gr.Blocks
    with gr.Blocks(analytics_enabled=False, title=words("title")) as demo:
        frame(house, PAGE, language)
        with gr.Tabs(elem_id="operator-tabs"):
            with gr.Tab(words("tab_now")):
                now = gr.HTML(elem_id="operator-now", padding=False)
                refresh = gr.Button("", visible="hidden", elem_id="operator-refresh")
            with gr.Tab(words("tab_models")):
                models = gr.HTML(elem_id="operator-models", padding=False)
                roll_back = gr.Button(
                    words("roll_back"), size="md", elem_id="operator-roll-back", variant="stop", scale=0
                )
                of_models = Asking(house, language, "models", quiet)
            with gr.Tab(words("tab_record")):
                verify = gr.Button(words("verify"), size="md", elem_id="operator-verify", scale=0)
                chain = _live(gr, "operator-chain")
                record = gr.HTML(elem_id="operator-record", padding=False)
                purge = gr.Button(words("purge"), size="md", elem_id="operator-purge", variant="stop", scale=0)
                subject = gr.Textbox(
                    label=words("subject"), info=words("subject_info"), elem_id="operator-subject", max_lines=1
                )
                erase = gr.Button(words("erase"), size="md", elem_id="operator-erase", variant="stop", scale=0)
                of_record = Asking(house, language, "record", quiet)
            with gr.Tab(words("tab_accounts")):
                accounts = gr.HTML(elem_id="operator-accounts", padding=False)
                with gr.Accordion(words("add_account"), open=False):
                    name = gr.Textbox(
                        label=words("name"), info=words("name_info"), elem_id="operator-name", max_lines=1
                    )
                    role = gr.Radio(_roles(language), label=words("role"), elem_id="operator-role")
                    add = gr.Button(words("add"), size="md", elem_id="operator-add", scale=0)
                with gr.Accordion(words("change_account"), open=False):
                    account = _choice(gr, words("account"), "operator-account")
                    new_role = gr.Radio(_roles(language), label=words("new_role"), elem_id="operator-new-role")
                    with gr.Row():
                        change = gr.Button(words("set_role"), size="md", elem_id="operator-set-role")
                        password = gr.Button(words("new_password"), size="md", elem_id="operator-password")
                        end = gr.Button(words("end_sessions"), size="md", elem_id="operator-end")
                        remove = gr.Button(words("remove"), size="md", elem_id="operator-remove", variant="stop")
                keys = gr.HTML(elem_id="operator-keys", padding=False)
                with gr.Accordion(words("add_key"), open=False):
                    owner = _choice(gr, words("key_owner"), "operator-owner")
                    purpose = gr.Textbox(
                        label=words("key_for"), info=words("key_for_info"), elem_id="operator-key-for", max_lines=1
                    )
                    scopes = gr.CheckboxGroup(
                        [(f"{scope} ({words(f'scope_{scope}')})", scope) for scope in table().scopes],
                        label=words("key_scopes"), elem_id="operator-scopes",
                    )  # fmt: skip
                    days = gr.Number(
                        api_keys.DAYS, label=words("key_days"), precision=0, minimum=1, maximum=api_keys.MOST_DAYS,
                        elem_id="operator-days",
                    )  # fmt: skip
                    issue = gr.Button(words("issue"), size="md", elem_id="operator-issue", scale=0)
                with gr.Accordion(words("end_key"), open=False):
                    prefix = _choice(gr, words("key"), "operator-prefix")
                    revoke = gr.Button(words("revoke"), size="md", elem_id="operator-revoke", variant="stop", scale=0)
                of_accounts = Asking(house, language, "accounts", quiet)

        def part(who: Who, action: str, make: Callable[[], Html]) -> Html:
            try:
                require(house.db, who, action)
                return make()
            except AnamnesisError as error:
                return trouble(error, language)
            except Exception as error:
                log.error("A part of the page failed: %s", type(error).__name__)
                return fault(say(language, "operator_failed"))

        def show_now(request: gr.Request) -> str:
            return part(who_asks(request), "read_metrics", lambda: shown_now.overview(house, language))

        def show_models(who: Who) -> Part:
            return {models: part(who, "manage_models", lambda: shown_holdings.models(house, language))}

        def show_record(who: Who) -> Part:
            return {record: part(who, "manage_retention", lambda: shown_holdings.record(house, language))}

        def show_accounts(who: Who) -> Part:
            try:
                require(house.db, who, "manage_accounts")
                rows, issued = people.listed(house.db), api_keys.keys_of(house.db)
            except AnamnesisError as error:
                return {accounts: trouble(error, language), keys: ""}
            named = {each.id: each.name for each in rows}
            whose = [(f"{each.name} ({role_words(each.role, language)})", each.id) for each in rows]
            live = [(f"{key.prefix} ({key.name})", key.prefix) for key in issued if not key.revoked]
            return {
                accounts: shown_accounts.accounts(rows, language),
                keys: shown_accounts.api_keys(issued, named, house.db.now(), language),
                account: gr.Dropdown(choices=whose, value=None), owner: gr.Dropdown(choices=whose, value=None),
                prefix: gr.Dropdown(choices=live, value=None), name: "", purpose: "",
            }  # fmt: skip

        def first(request: gr.Request) -> Part:
            who = who_asks(request)
            return {now: show_now(request), **show_models(who), **show_record(who), **show_accounts(who)}

        def walk(request: gr.Request) -> str:
            who = who_asks(request)
            return part(who, "verify_audit", lambda: shown_holdings.verified(*acts.verify(house, who), language))

        def gone(request: gr.Request) -> None:
            # Gradio keeps what was shown on a page, a password too, far longer than the page is open.
            demo.state_holder.session_data.pop(str(request.session_hash or ""), None)

        listed = [accounts, keys, account, owner, prefix, name, purpose]
        of_models.act("roll_back", roll_back, {}, show_models, [models])
        of_record.act("purge", purge, {}, show_record, [record])
        of_record.act("erase", erase, {"subject": subject}, show_record, [record])
        chosen: Mapping[str, Any] = {"account": account}
        for act, button, given in (
            ("add", add, {"name": name, "role": role}),
            ("role", change, {**chosen, "role": new_role}),
            ("password", password, chosen),
            ("end_sessions", end, chosen),
            ("remove", remove, chosen),
            ("issue", issue, {"account": owner, "purpose": purpose, "scopes": scopes, "days": days}),
            ("revoke", revoke, {"prefix": prefix}),
        ):
            of_accounts.act(act, button, given, show_accounts, listed)
        verify.click(walk, None, chain, **{**quiet, "show_progress": "minimal"})
        refresh.click(show_now, None, now, **quiet)
        demo.load(first, None, [now, models, record, *listed], **quiet)
        demo.load(None, None, None, js=_REFRESH)
        demo.unload(gone)
    return demo


def _live(gr: Any, name: str) -> Any:
    """Where what happened is said, so that a screen reader says it too."""
    return gr.HTML(
        "", elem_id=name, padding=False, html_template='<div role="status" aria-live="polite">${value}</div>'
    )


def _choice(gr: Any, label: str, name: str) -> Any:
    # What is typed and is none of the choices is refused by the act, in words.
    return gr.Dropdown([], value=None, label=label, elem_id=name, allow_custom_value=True)


def _roles(language: Language) -> list[tuple[str, str]]:
    return [(role_words(role, language), role) for role in ROLES]
