// Follows the start of a server: one JSON event per line of GET …/progress (Server-Sent Events).
// An event has progress (0-100), message, perhaps html_message; the last one has ready or failed.
const RECONNECT_MS = 3_000;
const ALLOWED = new Set(["A", "B", "BR", "CODE", "EM", "I", "PRE", "SMALL", "SPAN", "STRONG"]);

// Markup from a spawner: known elements, no attributes but a plain link.
function safeNodes(html) {
  const body = new DOMParser().parseFromString(html, "text/html").body;
  for (const element of [...body.querySelectorAll("*")]) {
    if (!ALLOWED.has(element.tagName)) {
      element.replaceWith(/^(SCRIPT|STYLE)$/.test(element.tagName) ? "" : element.textContent);
      continue;
    }
    const href = element.tagName === "A" ? element.getAttribute("href") : null;
    for (const { name } of [...element.attributes]) element.removeAttribute(name);
    if (href && /^(https?:\/\/|\/(?![/\\]))/.test(href)) element.setAttribute("href", href);
    else if (element.tagName === "A") element.replaceWith(...element.childNodes);
  }
  return [...body.childNodes];
}

class Follower {
  constructor(root) {
    this.url = root.dataset.progressUrl;
    this.bar = root.querySelector("progress");
    this.percent = root.querySelector("[data-percent]");
    this.message = root.querySelector("[data-message]");
    this.log = root.querySelector("[data-log]");
    this.seen = 0;
    this.ended = false;
    root.querySelector("[data-follows]")?.removeAttribute("hidden");
  }

  connect() {
    const source = new EventSource(this.url);
    // Every connection tells the story from its beginning.
    source.onopen = () => {
      this.seen = 0;
    };
    source.onmessage = ({ data }) => {
      let event;
      try {
        event = JSON.parse(data);
      } catch {
        return;
      }
      this.show(event);
      if (event.ready || event.failed) {
        this.ended = true;
        source.close();
        this.finish(event);
      }
    };
    source.onerror = () => {
      if (this.ended || source.readyState !== EventSource.CLOSED) return;
      // Refused (the start is over, or the session is): the page itself knows where to go.
      setTimeout(() => location.reload(), RECONNECT_MS);
    };
  }

  show(event) {
    const percent = Math.max(0, Math.min(100, Number(event.progress) || 0));
    if (event.progress !== undefined && !event.failed) {
      this.bar.value = Math.max(this.bar.value, percent); // a repeated story does not go back
      this.percent.textContent = `${Math.round(this.bar.value)} %`;
    }
    const text = event.message || "";
    if (!text && !event.html_message) return;
    const line = document.createElement("li");
    if (event.html_message) line.append(...safeNodes(event.html_message));
    else line.textContent = text;
    if (event.failed) line.className = "failed";
    const known = this.log.children[this.seen];
    this.seen += 1;
    if (known && known.textContent === line.textContent) return;
    this.message.textContent = line.textContent;
    this.log.append(line);
    this.seen = this.log.children.length;
    this.log.scrollTop = this.log.scrollHeight;
  }

  finish(event) {
    this.bar.classList.add(event.failed ? "failed" : "ready");
    if (event.ready) {
      this.message.textContent = "Your server is ready. Opening it now.";
      // The hub redirects this page to where the visitor was going.
      setTimeout(() => location.reload(), 150);
    } else {
      // The page shows the reason and the server's last output.
      setTimeout(() => location.reload(), 1_500);
    }
  }
}

for (const root of document.querySelectorAll("[data-progress-url]")) new Follower(root).connect();
