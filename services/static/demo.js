// The WebSocket of the demo page: connects, sends what is typed, shows what comes back, connects again when it was cut.

const state = document.getElementById("state");
const form = document.getElementById("form");
const message = document.getElementById("message");
const send = document.getElementById("send");
const log = document.getElementById("log");

const url = new URL("echo", document.baseURI);
url.protocol = url.protocol.replace("http", "ws");

let socket;
let pause = 500;

function show(text, name) {
  state.textContent = text;
  state.dataset.state = name;
  send.disabled = name !== "open";
}

function add(text) {
  const item = document.createElement("li");
  item.textContent = text;
  log.prepend(item);
  while (log.children.length > 50) {
    log.lastElementChild.remove();
  }
}

function connect() {
  socket = new WebSocket(url);
  socket.addEventListener("open", () => {
    pause = 500;
    show("Connected.", "open");
  });
  socket.addEventListener("message", (event) => add(event.data));
  socket.addEventListener("close", () => {
    show("Connection lost, trying again …", "closed");
    setTimeout(connect, pause);
    pause = Math.min(pause * 2, 15000);
  });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket.readyState === WebSocket.OPEN && message.value !== "") {
    socket.send(message.value);
    message.value = "";
    message.focus();
  }
});

connect();
