// Sends the audio in pieces (tus 1.0.0), so that a broken link costs the last piece and
// not all: it goes on by itself when the link is back, and after the page was loaded
// anew when the same file is chosen. Without this script the form sends the file whole.
"use strict";
(() => {
  const form = document.getElementById("bulletin-form"), file = document.getElementById("audio-file");
  const state = document.getElementById("upload-state"), save = document.getElementById("save");
  if (!form || !file || !state) return;
  const text = state.querySelector("span"), bar = state.querySelector("progress");
  const PIECE = 1 << 20, address = "/api/v1/uploads";
  let run = 0; // the newest choice of a file; older ones stop

  const choices = () => [...form.querySelectorAll("#uploads input[name=upload]")];
  const chosen = () => choices().find((c) => c.checked && c.value);
  const hidden = document.createElement("input");
  hidden.type = "hidden";
  hidden.name = "upload";

  const needed = () => { file.required = file.hasAttribute("data-required") && !hidden.value && !chosen(); };
  const say = (word, more) => { state.hidden = false; text.textContent = state.dataset[word] + (more ? " " + more : ""); };
  const percent = (f, at) => { bar.value = 100 * at / f.size; return Math.floor(100 * at / f.size) + " %"; };
  const key = (f) => "loaxa-upload:" + [f.name, f.size, f.lastModified].join(":");
  const remember = (f, id) => { try { id ? localStorage.setItem(key(f), id) : localStorage.removeItem(key(f)); } catch { /* private window: it works without */ } };
  const remembered = (f) => { try { return localStorage.getItem(key(f)); } catch { return null; } };
  const base64 = (s) => btoa(String.fromCharCode(...new TextEncoder().encode(s)));
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const ask = (method, path, headers, body) => fetch(path, {
    method, body, credentials: "same-origin", headers: { "Tus-Resumable": "1.0.0", ...headers }, signal: AbortSignal.timeout(120000),
  });

  // refused is an answer that asking again does not mend.
  class Refused extends Error {}
  const check = async (answer) => {
    if (answer.ok) return answer;
    if (answer.status >= 500 || answer.status === 409 || answer.status === 423 || answer.status === 408 || answer.status === 429) throw new Error(String(answer.status));
    let why = String(answer.status);
    try { const e = (await answer.json()).error; why = document.documentElement.lang === "en" ? e.reason_en : e.reason_vi; } catch { /* no JSON */ }
    throw new Refused(why);
  };

  // where gives the upload's id and how far it has come; a lost one begins anew.
  const where = async (f) => {
    const id = remembered(f);
    if (id) {
      const answer = await ask("HEAD", address + "/" + id);
      if (answer.ok) return { id, at: Number(answer.headers.get("Upload-Offset")) };
      if (answer.status !== 404) throw new Error(String(answer.status));
      remember(f, "");
    }
    const answer = await ask("POST", address, { "Upload-Length": String(f.size), "Upload-Metadata": "filename " + base64(f.name) });
    if (answer.status === 409) { // too many open: waiting does not help
      throw new Refused((await answer.json()).error[document.documentElement.lang === "en" ? "reason_en" : "reason_vi"]);
    }
    const made = await (await check(answer)).json();
    remember(f, made.upload);
    return { id: made.upload, at: 0 };
  };

  const send = async (f) => {
    const mine = ++run;
    hidden.remove();
    hidden.value = "";
    save.disabled = true;
    for (let tries = 0; mine === run;) {
      try {
        let { id, at } = await where(f);
        while (at < f.size && mine === run) {
          say("sending", percent(f, at));
          const answer = await check(await ask("PATCH", address + "/" + id,
            { "Upload-Offset": String(at), "Content-Type": "application/offset+octet-stream" }, f.slice(at, at + PIECE)));
          at = Number(answer.headers.get("Upload-Offset"));
          tries = 0;
        }
        if (mine !== run) return;
        percent(f, at);
        hidden.value = id;
        form.insertBefore(hidden, form.firstChild); // before the file field: words come first
        for (const c of choices()) c.disabled = true;
        file.disabled = true; // the form names the upload instead of sending the file again
        save.disabled = false;
        return say("ready");
      } catch (e) {
        if (mine !== run) return;
        if (e instanceof Refused) {
          save.disabled = false;
          return say("failed", e.message);
        }
        say("waiting", Math.floor(bar.value) + " %");
        await Promise.race([pause(Math.min(1000 * 2 ** tries++, 20000)), new Promise((back) => addEventListener("online", back, { once: true }))]);
      }
    }
  };

  file.addEventListener("change", () => {
    const f = file.files[0];
    if (!f) return needed();
    // An upload that stands in the list, of this name and length, is gone on with.
    const open = choices().find((c) => c.dataset.name === f.name && Number(c.dataset.length) === f.size);
    if (open && !remembered(f)) remember(f, open.value);
    for (const c of choices()) c.checked = c.value === "";
    send(f);
  });
  form.addEventListener("change", needed);
  form.addEventListener("submit", () => { if (hidden.value && file.files[0]) remember(file.files[0], ""); });
  needed();
})();
