// "Show" beside a password field. Without scripts the button stays hidden.
for (const button of document.querySelectorAll("button[data-toggles]")) {
  const input = document.getElementById(button.dataset.toggles);
  if (!input) continue;
  const show = (visible) => {
    input.type = visible ? "text" : "password";
    button.textContent = visible ? "Hide" : "Show";
    button.setAttribute("aria-label", `${button.textContent} password`);
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    show(input.type === "password");
    input.focus();
  });
  // A password must not be sent, stored or autocompleted as plain text.
  input.form?.addEventListener("submit", () => show(false));
}

// One click, one login: a second submit would only fail on the used form.
for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  // Back from the page cache: usable again.
  window.addEventListener("pageshow", () => delete form.dataset.sent);
}
