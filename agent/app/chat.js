// The page's few movements. Everything a person reads is made by the server.
window.anamnesis = {
  // Show the new turn from its beginning once it is there.
  sent() {
    const turn = document.querySelector("#now .turn");
    const last = turn && turn.tagName;
    let tries = 0;
    const wait = setInterval(() => {
      const made = document.querySelector("#now .turn");
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
