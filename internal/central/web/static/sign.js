// Signs a form with a passkey: asks the centre what there is to sign, hands that to the
// passkey, and sends the form with its answer. Without this script, or without a passkey,
// the form is signed with the key's password.
"use strict";
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const asked = async (box, form) => {
    const version = form.elements.version;
    const answer = await fetch(box.dataset.ask, {
      method: "POST", credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: version ? JSON.stringify({ version: Number(version.value) }) : null,
    });
    const said = await answer.json();
    if (!answer.ok) throw new Error(document.documentElement.lang === "en" ? said.error.reason_en : said.error.reason_vi);
    return said.asks;
  };

  const sign = async (button) => {
    const box = button.closest(".signwith"), form = button.form, says = box.querySelector("[role=status]");
    const buttons = box.querySelectorAll("[data-passkey]");
    buttons.forEach((b) => { b.disabled = true; });
    says.textContent = box.dataset.waits;
    try {
      const ask = (await asked(box, form)).find((a) => a.kid === button.dataset.passkey);
      if (!ask) throw new Error(box.dataset.failed);
      const got = await navigator.credentials.get({ publicKey: {
        challenge: bytes(ask.challenge), rpId: ask.relying_party, userVerification: "required",
        allowCredentials: [{ type: "public-key", id: bytes(ask.credential) }],
      } });
      form.elements.passkey.value = JSON.stringify({
        kid: ask.kid, at: ask.at, signature: text(got.response.signature),
        authenticator_data: text(got.response.authenticatorData), client_data: text(got.response.clientDataJSON),
      });
      form.submit(); // a password is not asked for then
    } catch (e) {
      // What a browser throws is not for people; what the centre has answered is.
      says.textContent = e instanceof DOMException || e instanceof TypeError ? box.dataset.failed : e.message;
      buttons.forEach((b) => { b.disabled = false; });
    }
  };

  // Parts of the page are replaced while it stands: whoever clicks is found by the page.
  document.addEventListener("click", (e) => {
    const button = e.target.closest?.("[data-passkey]");
    if (button) sign(button);
  });
})();
