// Starts the server by itself after the time that the administrator set (implicit_spawn_seconds).
const start = document.querySelector("a[data-start-after]");
if (start) setTimeout(() => start.click(), Number(start.dataset.startAfter) * 1000);
