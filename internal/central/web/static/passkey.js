// Registers a passkey on the account's page: the centre says what for, the device makes
// it, the centre keeps its public half.
"use strict";
(() => {
  const form = document.getElementById("passkey");
  if (!form) return;
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const post = async (path, body) => {
    const answer = await fetch(path, {
      method: "POST", credentials: "same-origin", body: body && JSON.stringify(body),
      headers: { "Content-Type": "application/json", Accept: "application/json" },
    });
    const said = await answer.json();
    if (answer.ok) return said;
    const english = document.documentElement.lang === "en", e = said.error;
    throw new Error([english ? e.reason_en : e.reason_vi, ...(e.problems || []).map((p) => english ? p.reason_en : p.reason_vi)].join(" "));
  };

  const register = async () => {
    const shown = (name) => form.elements[name] ? form.elements[name].value : "";
    const offer = await post("/api/v1/account/passkeys/begin", { password: shown("password"), code: shown("code") });
    const made = await navigator.credentials.create({ publicKey: {
      challenge: bytes(offer.challenge), rp: { id: offer.relying_party, name: offer.console },
      user: { id: bytes(offer.user), name: offer.login, displayName: offer.name },
      pubKeyCredParams: [{ type: "public-key", alg: -7 }], // ES256
      authenticatorSelection: { userVerification: "required" }, attestation: "none",
      excludeCredentials: offer.known.map((id) => ({ type: "public-key", id: bytes(id) })),
    } });
    await post("/api/v1/account/passkeys", {
      name: form.elements.name.value, credential: made.id,
      client_data: text(made.response.clientDataJSON), attestation: text(made.response.attestationObject),
    });
  };

  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const says = form.querySelector("[role=status]"), button = form.querySelector("button");
    button.disabled = true;
    says.textContent = form.dataset.waits;
    try {
      await register();
      location.assign("/account#keys");
      location.reload();
    } catch (e) {
      // What a browser throws is not for people; what the centre has answered is.
      says.textContent = e instanceof DOMException || e instanceof TypeError ? form.dataset.failed : e.message;
      button.disabled = false;
    }
  });
})();
