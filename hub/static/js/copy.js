// "Copy" beside a value. Where the clipboard is closed to us (plain http), the value is selected instead.
for (const button of document.querySelectorAll("button[data-copies]")) {
  const source = document.getElementById(button.dataset.copies);
  const status = document.getElementById(button.dataset.status);
  if (!source) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = source.value ?? source.textContent;
    let message = "Copied to the clipboard.";
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      source.focus();
      source.select?.();
      message = document.execCommand("copy") ? message : "Press Ctrl+C to copy the selected text.";
    }
    if (status) status.textContent = message;
  });
}
