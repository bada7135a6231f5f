// Makes the form of a schedule easier: adding, dropping and moving rows does not load
// the whole page, only the kind of days that is chosen is shown, and end times follow
// what is typed. The server does the work both ways; without this script the same
// buttons reload the page.
"use strict";
(() => {
  const form = () => document.getElementById("schedule-form");
  if (!form()) return;

  const ask = async (button) => {
    const f = form();
    const body = new URLSearchParams(new FormData(f));
    body.set("do", button);
    const answer = await fetch(f.action, { method: "POST", body, credentials: "same-origin", headers: { Accept: "text/html" } });
    if (answer.redirected || !answer.ok) throw new Error(answer.status);
    return new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("schedule-form");
  };

  const days = () => {
    for (const slot of form().querySelectorAll(".slot")) {
      const kind = slot.querySelector("select[name$='.days']").value;
      for (const d of slot.querySelectorAll(".days")) {
        d.hidden = d.dataset.days !== kind;
        if (!d.hidden && d.tagName === "DETAILS") d.open = true;
      }
      slot.querySelector("input[name$='.times']").closest("label").hidden = kind === "cron" || kind === "now";
      slot.querySelector("input[name$='.again']").closest("details").hidden = kind === "cron" || kind === "now";
    }
  };

  // A button that is pressed while end times are asked for must not be lost: it goes
  // first, and what the other question answers is of an older form.
  let timer = 0, busy = false, pressed = false;
  const follow = async () => {
    timer = 0;
    if (busy || pressed) return;
    busy = true;
    try {
      const fresh = await ask("ends"); // judges nothing: the form is not finished
      if (pressed) return;
      for (const p of form().querySelectorAll(".ends")) {
        const next = fresh.querySelector("#" + p.id);
        if (next) p.textContent = next.textContent;
      }
    } catch { /* a weak link: the button still works */ } finally { busy = false; }
  };

  document.addEventListener("click", async (e) => {
    const b = e.target.closest("#schedule-form button[name=do]");
    if (!b || b.value === "save") return;
    e.preventDefault();
    if (pressed) return;
    pressed = true;
    try {
      const fresh = await ask(b.value);
      form().replaceWith(document.importNode(fresh, true));
      days();
      const [what, slot] = b.value.split(".");
      const slots = form().querySelectorAll(".slot");
      const place = what === "add-slot" ? slots[slots.length - 1] : slots[slot];
      const inputs = place ? place.querySelectorAll("input:not([type=hidden])") : [];
      if (what === "add-slot" && inputs[0]) inputs[0].focus();
      if (what === "add-item" && place) place.querySelector(".items li:last-child input[list]").focus();
    } catch {
      const f = form();
      const hidden = Object.assign(document.createElement("input"), { type: "hidden", name: "do", value: b.value });
      f.append(hidden);
      f.submit();
    } finally { pressed = false; }
  });
  document.addEventListener("change", (e) => {
    if (!e.target.closest("#schedule-form")) return;
    days();
    clearTimeout(timer);
    timer = setTimeout(follow, 400);
  });
  days();
})();
