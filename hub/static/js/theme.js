// Light or dark: the system's choice, unless this browser was told otherwise.
// A classic script in <head>, so that the stored choice is there before the first paint.
(() => {
  const KEY = "hub-theme";
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  const stored = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // storage may be blocked: then the system decides
    }
  };
  const store = (theme) => {
    try {
      if (theme === null) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      // the choice lasts for this page
    }
  };
  const apply = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);

  apply(stored());

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("dark-theme-toggle");
    if (!button) return;
    const show = () => button.setAttribute("aria-pressed", String(dark()));
    button.hidden = false;
    show();
    system.addEventListener("change", show);
    button.addEventListener("click", () => {
      const wanted = dark() ? "light" : "dark";
      // Back to what the system says means: follow the system again.
      const choice = (wanted === "dark") === system.matches ? null : wanted;
      store(choice);
      apply(choice);
      show();
    });
    window.addEventListener("storage", (event) => {
      if (event.key !== KEY) return;
      apply(event.newValue);
      show();
    });
  });
})();
