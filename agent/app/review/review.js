// Signs of life: while a hand was on the page within the last minutes, the page asks the server twice a minute what is new. Without
// one it falls silent, so that duty and session end by themselves.
window.review = {last: Date.now(), quiet: 15 * 60 * 1000, idle: () => Math.round((Date.now() - window.review.last) / 1000)};
for (const kind of ["pointerdown", "pointermove", "keydown", "scroll"]) {
  document.addEventListener(kind, () => { window.review.last = Date.now(); }, {passive: true, capture: true});
}
window.review.timer = setInterval(() => {
  if (Date.now() - window.review.last < window.review.quiet) document.querySelector("#rv-beat")?.click();
}, 30000);
