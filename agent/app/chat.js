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
        const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
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
  },
  // What stands in the fields of "What I understood", by row.
  typed() {
    const fields = document.querySelectorAll("#now .understood [data-row]");
    return JSON.stringify(Object.fromEntries([...fields].map((field) => [field.dataset.row, field.value])));
  },
  form: "markdown",
  // The page for the doctor goes from the answer of the server to the person's own folder; no address holds it.
  save(sheet) {
    const made = JSON.parse(sheet || "{}");
    const hint = document.querySelector("#now .paper .hint");
    if (hint) hint.textContent = made.hint || "";
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
  press(name) {
    const hidden = document.querySelector(`button#${name}, #${name} button`);
    if (hidden) hidden.click();
  },
  focus() {
    const box = document.querySelector("#message textarea");
    if (box) box.focus();
  },
  language() {
    const first = (navigator.languages || [navigator.language || ""])[0];
    return first.toLowerCase().startsWith("zh") ? "zh" : "en";
  },
  speak(language) {
    document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  },
};
document.addEventListener("click", (event) => {
  const button = event.target instanceof Element && event.target.closest("#now .understood .again, #now .paper [data-form]");
  if (!button) return;
  if (!button.dataset.form) return anamnesis.press("look-again");
  anamnesis.form = button.dataset.form;
  anamnesis.press("make-paper");
});
// Enter in a field does what the button does, as everywhere on the web.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  if (!(event.target instanceof Element) || !event.target.matches("#now .understood [data-row]")) return;
  event.preventDefault();
  anamnesis.press("look-again");
});
