document.documentElement.lang = staff.language;
{
  // A page that asks by itself what is new says so, or it would keep a session that nobody uses from ending by its idle time.
  let hand = Date.now();
  for (const kind of ["pointerdown", "pointermove", "wheel", "keydown", "touchstart", "click", "input"])
    addEventListener(kind, (event) => { if (event.isTrusted) hand = Date.now(); }, {passive: true, capture: true});
  const fetched = window.fetch.bind(window);
  window.fetch = async (what, how) => {
    const ours = new URL(what instanceof Request ? what.url : what, location.href).origin === location.origin;
    if (ours && Date.now() - hand > 60000) {
      const headers = new Headers(how?.headers ?? (what instanceof Request ? what.headers : undefined));
      headers.set("x-anamnesis-unattended", "1");
      how = {...how, headers};
    }
    const answer = await fetched(what, how);
    // A session ends while a page stands open: then whoever does something is asked to sign in again, and comes back here.
    const address = new URL(answer.url || location.href, location.href);
    if (answer.status === 401 && address.origin === location.origin) location.assign(staff.again);
    return answer;
  };
}
