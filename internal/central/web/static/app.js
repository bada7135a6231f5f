// Keeps the parts of a page that carry data-live fresh: the centre names the topics
// that changed (server-sent events), the page asks for itself again and replaces those
// parts. A part somebody works in (focus, words typed, ticked boxes, open details, playing
// sound) is left alone until they are done. Without this script every page works the same,
// only older.
"use strict";
(() => {
  const parts = () => [...document.querySelectorAll("[data-live][id]")];
  if (parts().length === 0 || !("EventSource" in window)) return;

  const due = new Set();
  let timer = 0, asking = false;

  const busy = (part) =>
    part.contains(document.activeElement) ||
    part.querySelector("details[open]") !== null ||
    part.querySelector("input[type=checkbox]:checked") !== null ||
    [...part.querySelectorAll("input, textarea")].some((i) => i.value !== i.defaultValue) ||
    [...part.querySelectorAll("audio")].some((a) => !a.paused);

  // A page that answers a form stands under the form's address, which cannot be read.
  const here = () => document.querySelector("[data-at]")?.dataset.at || location.href;

  const refresh = async () => {
    timer = 0;
    if (asking || document.hidden) return later();
    const stale = parts().filter((p) => p.dataset.live.split(" ").some((t) => due.has(t)));
    const free = stale.filter((p) => !busy(p));
    if (stale.length === 0) return due.clear();
    if (free.length === 0) return later();
    asking = true;
    // What changes from here on is asked for once more: the answer may not have it.
    const asked = new Set(due);
    due.clear();
    const again = (left) => {
      for (const p of left) for (const t of p.dataset.live.split(" ")) if (asked.has(t)) due.add(t);
    };
    try {
      const answer = await fetch(here(), {
        credentials: "same-origin", headers: { Accept: "text/html" },
        signal: AbortSignal.timeout?.(30000), // an answer that never comes is none
      });
      if (answer.status >= 500 || answer.status === 429) throw answer; // the centre has a trouble of its own
      if (answer.redirected || !answer.ok) return again(stale); // signed out, or a trouble that the reader will meet by themselves
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const p of free) {
        const next = fresh.getElementById(p.id);
        if (next) p.replaceWith(document.importNode(next, true));
      }
      again(stale.filter((p) => !free.includes(p)));
      if (due.size) later();
    } catch {
      again(stale); // a weak link, a busy centre: try again
      later();
    } finally {
      asking = false;
    }
  };
  const later = () => { if (!timer) timer = setTimeout(refresh, 3000); };

  // The centre says bye to a page of a session that is over, and to the oldest of many
  // pages: that one comes again when it is looked at. Each time the page says what it has
  // seen, and hears first what it missed since.
  let events = null, seen = document.body.dataset.seen, wait = 10000;
  const listen = () => {
    events = new EventSource("/events?seen=" + seen);
    events.addEventListener("changed", (e) => {
      seen = e.lastEventId;
      wait = 10000;
      for (const t of e.data.split(" ")) due.add(t);
      if (!timer) timer = setTimeout(refresh, 300);
    });
    events.addEventListener("bye", () => { events.close(); events = null; });
    // A stream that was refused is not opened again by the browser.
    events.addEventListener("error", () => {
      if (!events || events.readyState !== EventSource.CLOSED) return;
      events = null;
      setTimeout(() => { if (!events) listen(); }, wait);
      wait = Math.min(2 * wait, 600000);
    });
  };
  listen();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    if (!events) listen();
    if (due.size) later();
  });
})();
