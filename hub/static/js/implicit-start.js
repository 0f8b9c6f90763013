// Starts the server by itself after the time that the administrator set (implicit_spawn_seconds).
const start = document.querySelector("a[data-start-after]");
document.getElementById("starts-soon")?.removeAttribute("hidden");
if (start) setTimeout(() => start.click(), Number(start.dataset.startAfter) * 1000);
