// Asks the browser for a passkey, and sends its answer as the ordinary form that the page holds.
// The secret half of a passkey never leaves the person's device; nothing here ever sees it.
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

// A new passkey, as the server asked for it.
async function make(form) {
  const asked = JSON.parse(form.dataset.make);
  asked.challenge = bytes(asked.challenge);
  asked.user.id = bytes(asked.user.id);
  asked.excludeCredentials = (asked.excludeCredentials || []).map((one) => ({ ...one, id: bytes(one.id) }));
  const made = await navigator.credentials.create({ publicKey: asked });
  return { client_data: made.response.clientDataJSON, attestation: made.response.attestationObject };
}

// A signature: the passkey answers to SHA-256 of the very bytes that the page shows in words.
async function sign(form) {
  const challenge = await crypto.subtle.digest("SHA-256", bytes(form.dataset.sign));
  const made = await navigator.credentials.get({
    publicKey: {
      challenge,
      rpId: form.dataset.site,
      allowCredentials: [{ type: "public-key", id: bytes(form.dataset.credential) }],
      userVerification: "required",
    },
  });
  const { authenticatorData, clientDataJSON, signature } = made.response;
  return { authenticator_data: authenticatorData, client_data: clientDataJSON, signature };
}

for (const form of document.querySelectorAll("form.passkey")) {
  const button = form.querySelector("button");
  const said = form.querySelector("[role=status]");
  for (const notice of document.querySelectorAll(".scriptless")) notice.hidden = true;
  button.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const errors = JSON.parse(form.dataset.errors);
    button.disabled = true;
    said.className = "note";
    said.textContent = form.dataset.waits;
    try {
      const answer = await (form.dataset.make ? make(form) : sign(form));
      for (const [name, value] of Object.entries(answer)) form.elements[name].value = text(value);
      form.submit();
    } catch (error) {
      said.className = "alarm";
      said.textContent = errors[error.name] || errors.other;
      button.disabled = false;
    }
  });
}
