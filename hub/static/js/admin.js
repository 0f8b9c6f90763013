// The list of users: select all, search while typing, look again while servers start and stop. Without scripts the page
// does the same with its buttons.
const TYPING_MS = 350;
const MAX_WAIT_S = 30;
const region = document.getElementById("users");
const filters = document.getElementById("user-filters");
const boxes = () => [...region.querySelectorAll('input[name="user"]')];
let latest = 0;

function countSelected() {
  const all = region.querySelector("#select-all");
  const count = region.querySelector("#selected-count");
  const selected = boxes().filter((box) => box.checked).length;
  if (count) count.textContent = selected ? `${selected} selected` : "";
  if (!all) return;
  all.hidden = false;
  all.checked = selected > 0 && selected === boxes().length;
  all.indeterminate = selected > 0 && !all.checked;
}

// Says whose server a button is of: it is often heard without the row that says so.
function sayWhose() {
  for (const act of region.querySelectorAll(".acts > *")) {
    const whose = act.closest("tr").querySelector("th").textContent.trim();
    act.setAttribute("aria-label", `${act.textContent} ${whose}`);
  }
}

// What tells an element of the old list in the new one.
function sameAs(element) {
  if (!element || !region.contains(element) || element === region) return null;
  const { id, tagName, name, value } = element;
  if (id) return () => document.getElementById(id);
  const href = element.getAttribute("href");
  return () => [...region.querySelectorAll(tagName)].find((other) =>
    href ? other.getAttribute("href") === href : other.name === name && (tagName !== "BUTTON" && name !== "user" || other.value === value));
}

// Replaces the list by that of a URL; what is selected, chosen and focused stays. Says whether it was: of two that are under
// way the later one counts.
async function show(url) {
  const mine = ++latest;
  // Scripts read pages of the hub with the token only: others on this host have none.
  const headers = { Accept: "text/html", "X-XSRFToken": filters.dataset.xsrf };
  const reply = await fetch(url, { headers, cache: "no-store", redirect: "manual" });
  if (reply.type === "opaqueredirect" || reply.status === 403) {
    location.reload(); // logged out meanwhile, or in again
    return false;
  }
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const fresh = page.getElementById("users");
  if (mine !== latest) return false;
  if (!fresh) throw new Error("no list");
  const selected = new Set(boxes().filter((box) => box.checked).map((box) => box.value));
  const chosen = ["action", "group"].map((name) => region.querySelector(`.bulk [name="${name}"]`)?.value ?? "");
  const focused = sameAs(document.activeElement);
  region.replaceChildren(...fresh.childNodes);
  sayWhose();
  region.dataset.wait = fresh.dataset.wait ?? "";
  for (const box of boxes()) box.checked = selected.has(box.value);
  ["action", "group"].forEach((name, index) => {
    const field = region.querySelector(`.bulk [name="${name}"]`);
    if (field) field.value = chosen[index];
  });
  focused?.()?.focus({ preventScroll: true });
  const count = document.getElementById("user-count");
  const told = page.getElementById("user-count")?.textContent ?? "";
  if (count && count.textContent !== told) count.textContent = told;
  countSelected();
  document.dispatchEvent(new CustomEvent("hub:updated"));
  return true;
}

region.addEventListener("change", (event) => {
  if (event.target.id === "select-all") {
    for (const box of boxes()) box.checked = event.target.checked;
  }
  countSelected();
});

// A choice in a list or a pause in typing shows what it means at once.
let typing = 0;
let searching = false;
async function search() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(filters)) if (value) query.append(name, value);
  const url = `${filters.getAttribute("action")}?${query}`;
  try {
    if (await show(url)) {
      history.replaceState(null, "", url);
      searching = false;
    }
  } catch {
    searching = false; // the button still works
  }
}
filters.addEventListener("input", (event) => {
  if (event.target.type !== "search") return;
  clearTimeout(typing);
  searching = true;
  typing = setTimeout(search, TYPING_MS);
});

let pause = 0;
function watch() {
  const wait = Number(region.dataset.wait) || 0;
  pause = wait ? Math.max(pause, wait) : 0;
  setTimeout(async () => {
    if (!document.hidden && !searching && region.dataset.wait) {
      try {
        await show(location.href);
        pause = 0;
      } catch {
        pause = Math.min(pause * 2, MAX_WAIT_S); // hub away: keep what is shown
      }
    }
    watch();
  }, (pause || 3) * 1000);
}

sayWhose();
countSelected();
watch();
