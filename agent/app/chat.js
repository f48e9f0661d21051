// The page's few movements. Everything a person reads is made by the server.
window.anamnesis = {
  // Show the new turn from its beginning once it is there; where a field was refused instead, go to that field.
  sent() {
    const turn = document.querySelector("#now .turn");
    const last = turn && turn.tagName;
    const rows = "#now .understood";
    const before = (document.querySelector(rows) || { dataset: {} }).dataset.tries;
    let tries = 0;
    const wait = setInterval(() => {
      const made = document.querySelector("#now .turn");
      const now = document.querySelector(rows);
      if (made && made.tagName === last && now && !now.hidden && now.dataset.tries !== before) {
        clearInterval(wait);
        const wrong = now.querySelector("[aria-invalid]");
        if (wrong) wrong.focus();
        return;
      }
      if ((made && made.tagName !== last) || ++tries > 40) {
        clearInterval(wait);
        const still = document.documentElement.classList.contains("still") || matchMedia("(prefers-reduced-motion: reduce)").matches;
        if (made) made.scrollIntoView({ block: "start", behavior: still ? "auto" : "smooth" });
      }
    }, 50);
  },
  // Gradio's groups of radio buttons have words beside them that a screen reader does not take for their name.
  name() {
    for (const group of document.querySelectorAll("fieldset")) {
      const words = group.querySelector('[data-testid="block-info"]');
      if (words) group.setAttribute("aria-label", words.textContent.trim());
    }
    // The box was measured before it had its width.
    const box = document.querySelector("#message textarea");
    if (box) box.dispatchEvent(new Event("input", { bubbles: true }));
    anamnesis.looks();
  },
  // What stands in the fields of "What I understood", by row.
  typed() {
    const fields = document.querySelectorAll("#now .understood [data-row]");
    return JSON.stringify(Object.fromEntries([...fields].map((field) => [field.dataset.row, field.value])));
  },
  form: "markdown",
  pressed: "{}",
  // What was made goes from the answer of the server to the person's own folder or printer; no address holds it.
  save(sheet) {
    const made = JSON.parse(sheet || "{}");
    const hint = made.at && document.querySelector(made.at);
    if (hint) hint.textContent = made.hint || "";
    if (made.print) anamnesis.print(made.print);
    if (made.focus) anamnesis.go(made.focus);
    if (!made.data) return;
    const bytes = Uint8Array.from(atob(made.data), (sign) => sign.charCodeAt(0));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([bytes], { type: made.type }));
    link.download = made.name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  },
  // The page for the doctor alone is on the paper (chat.css); it goes when the printing is over.
  print(html) {
    const paper = document.createElement("div");
    paper.id = "on-paper";
    paper.innerHTML = html;
    document.body.append(paper);
    addEventListener("afterprint", () => paper.remove(), { once: true });
    window.print();
  },
  // Take the reader to a part that is being drawn.
  go(id) {
    let tries = 0;
    const wait = setInterval(() => {
      const part = id === "message" ? document.querySelector("#message textarea") : document.getElementById(id);
      if (part && part.getClientRects().length) {
        clearInterval(wait);
        if (!part.matches("textarea, button, [tabindex]")) part.setAttribute("tabindex", "-1");
        part.focus();
        part.scrollIntoView({ block: id === "message" ? "nearest" : "center" });
      } else if (++tries > 40) clearInterval(wait);
    }, 50);
  },
  press(name) {
    const hidden = document.querySelector(`button#${name}, #${name} button`);
    if (hidden) hidden.click();
  },
  focus() {
    anamnesis.go("message");
  },
  // Language, place and looks are kept in this browser only.
  kept() {
    try {
      return JSON.parse(localStorage.getItem("anamnesis") || "{}") || {};
    } catch {
      return {};
    }
  },
  keep(what) {
    try {
      localStorage.setItem("anamnesis", JSON.stringify({ ...anamnesis.kept(), ...what }));
    } catch {
      // A browser that keeps nothing has the defaults each time.
    }
  },
  looks() {
    const { text = "normal", look = "system", motion = "system" } = anamnesis.kept();
    const size = { large: "125%", larger: "150%" }[text] || "";
    const root = document.documentElement;
    if (root.dataset.size !== size) root.style.fontSize = root.dataset.size = size;
    root.classList.toggle("still", motion === "less");
    const dark = look === "dark" || (look === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
    if (document.body) document.body.classList.toggle("dark", dark);
    root.style.colorScheme = dark ? "dark" : "light";
    for (const [name, value] of Object.entries({ text, look, motion })) {
      const chosen = document.querySelector(`#bar input[name=${name}][value=${value}]`);
      if (chosen) chosen.checked = true;
    }
  },
  arrive(given) {
    const { language, place } = anamnesis.kept();
    const first = (navigator.languages || [navigator.language || ""])[0];
    given[0] = language || (first.toLowerCase().startsWith("zh") ? "zh" : "en");
    given[1] = place === undefined ? given[1] : place;
    given[3] = "{}";
    document.documentElement.lang = given[0] === "zh" ? "zh-Hans" : "en";
    return given;
  },
  speak(language) {
    document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
    anamnesis.keep({ language });
  },
  ticks() {
    const ticks = document.querySelectorAll("#consent input[type=checkbox]");
    return JSON.stringify(Object.fromEntries([...ticks].map((tick) => [tick.name, tick.checked])));
  },
  act(what) {
    anamnesis.pressed = JSON.stringify(what);
    anamnesis.press("act");
  },
  thumb(button) {
    const acts = button.closest(".acts");
    const chosen = acts.querySelector(".why input:checked");
    const own = acts.querySelector(".why textarea");
    anamnesis.act({
      act: "thumb", turn: Number(acts.dataset.turn), thumb: Number(button.dataset.thumb), sure: button.dataset.sure === "1",
      reason: chosen ? chosen.value : "", words: own ? own.value : "",
    });
  },
  // Nothing is left to be read before anything else is done; then the server forgets, then another page takes this one's place.
  leave() {
    const to = document.querySelector("#bar .leave").href;
    const token = document.querySelector("#token textarea, #token input");
    const held = token ? token.value : "";
    document.title = "";
    document.body.replaceChildren();
    try {
      localStorage.removeItem("anamnesis");
    } catch {
      // It was not kept then.
    }
    navigator.sendBeacon("/leave", held);
    history.replaceState(null, "", "/");
    location.replace(to);
  },
};
// Drawn before the page is, so that nothing flashes.
anamnesis.looks();
document.addEventListener("DOMContentLoaded", anamnesis.looks);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", anamnesis.looks);
document.addEventListener("change", (event) => {
  if (!(event.target instanceof Element) || !event.target.matches("#bar .settings input")) return;
  anamnesis.keep({ [event.target.name]: event.target.value });
  anamnesis.looks();
});
document.addEventListener("click", (event) => {
  const near = (css) => event.target instanceof Element && event.target.closest(css);
  if (near("#bar .leave")) {
    event.preventDefault();
    return anamnesis.leave();
  }
  if (near("#bar .skip")) {
    event.preventDefault();
    return anamnesis.go(document.querySelector("#consent .consent") ? "consent-title" : "message");
  }
  const sure = near("#data [data-sure-for]");
  if (sure) {
    const asks = document.getElementById(sure.dataset.sureFor);
    const first = document.querySelector(`#data [aria-controls="${sure.dataset.sureFor}"]`);
    asks.hidden = !asks.hidden;
    first.setAttribute("aria-expanded", String(!asks.hidden));
    (asks.hidden ? first : asks.querySelector("button")).focus();
    return undefined;
  }
  const act = near("#bar [data-act], #consent [data-act], #data [data-act]");
  if (act) {
    const ticks = act.closest("#consent") ? JSON.parse(anamnesis.ticks()) : {};
    return anamnesis.act({ ...ticks, act: act.dataset.act, then: act.dataset.then || "" });
  }
  const thumb = near("#chat .acts [data-thumb]");
  if (thumb) return anamnesis.thumb(thumb);
  if (near("#now .acts .once-more")) return anamnesis.press("ask-again");
  const button = near("#now .understood .again, #now .paper [data-form]");
  if (!button) return undefined;
  if (!button.dataset.form) return anamnesis.press("look-again");
  anamnesis.form = button.dataset.form;
  return anamnesis.press("make-paper");
});
// Enter in a field does what the button does, as everywhere on the web.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  if (!(event.target instanceof Element) || !event.target.matches("#now .understood [data-row]")) return;
  event.preventDefault();
  anamnesis.press("look-again");
});
// An answer that a clinician looks at first is asked for, and the wait is shown, while the page is in sight.
setInterval(() => {
  if (document.querySelector("#chat .held[data-waits]") && !document.hidden) anamnesis.act({ act: "look" });
}, 10000);
// Three times Escape within two seconds leaves at once, also where one of them closes something.
let escapes = [];
addEventListener("keydown", (event) => {
  if (event.isComposing || event.repeat) return;
  escapes = event.key === "Escape" ? [...escapes, Date.now()].filter((at) => Date.now() - at < 2000) : [];
  if (escapes.length >= 3 && document.querySelector("#bar .leave")) anamnesis.leave();
}, true);
