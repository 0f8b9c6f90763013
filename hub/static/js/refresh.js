// A region that waits for the hub ([data-refresh="seconds"]) asks for the page again until it no longer waits.
// Without scripts the page has a link for it in <noscript> (look_again in _macros.html).
const MAX_SECONDS = 15;

async function fetchRegion(id) {
  // Scripts read pages of the hub with the token of a form only: others on this host have none.
  const token = document.querySelector("[data-xsrf]")?.dataset.xsrf ?? document.querySelector("input[name=_xsrf]")?.value ?? "";
  // Where a redirect leads may be another host, which scripts cannot follow to: the page itself goes.
  const options = { headers: { Accept: "text/html", "X-XSRFToken": token }, cache: "no-store", redirect: "manual" };
  const reply = await fetch(location.href, options);
  if (reply.type === "opaqueredirect") return null;
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  return page.getElementById(id);
}

// What a region says, with its times as the hub wrote them: "a minute ago" is no news.
function said(region) {
  const copy = region.cloneNode(true);
  for (const time of copy.querySelectorAll("time[datetime]")) time.textContent = time.dateTime;
  return copy.textContent;
}

function watch(region) {
  let seconds = Number(region.dataset.refresh) || 2;
  const again = () => setTimeout(tick, seconds * 1000);
  const tick = async () => {
    if (document.hidden) return again();
    let fresh = null;
    try {
      fresh = await fetchRegion(region.id);
    } catch {
      seconds = Math.min(seconds * 2, MAX_SECONDS); // hub away: keep what is shown
      return again();
    }
    if (!fresh) return location.reload();
    if (said(fresh) !== said(region)) {
      const held = region.contains(document.activeElement);
      const details = () => [...region.querySelectorAll("details")];
      const open = details().map((one) => one.open);
      region.replaceChildren(...fresh.childNodes);
      // What somebody has opened stays open.
      if (details().length === open.length) details().forEach((one, index) => (one.open = open[index]));
      // Whoever works with the keyboard goes on where they were.
      if (held) region.querySelector("a, button")?.focus();
      document.dispatchEvent(new CustomEvent("hub:updated"));
    }
    if (fresh.dataset.refresh) return again();
    region.removeAttribute("data-refresh");
    return undefined;
  };
  again();
}

for (const region of document.querySelectorAll("[data-refresh][id]")) watch(region);
