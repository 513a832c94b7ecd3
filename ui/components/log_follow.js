// Asks for more in steady intervals while somebody looks and has not paused. Apart from the lines, so that lines which
// have not changed are not sent again.

const memory = new WeakMap();

function age(seconds) {
  if (seconds < 5) return "read just now";
  return seconds < 90 ? `read ${Math.floor(seconds)} s ago` : `read ${Math.floor(seconds / 60)} min ago`;
}

export default function ({ parentElement, data, setTriggerValue }) {
  let root = parentElement.querySelector(".root");
  if (!root) {
    root = document.createElement("div");
    root.className = "root";
    root.innerHTML = '<button type="button"></button><span class="said"></span>';
    parentElement.appendChild(root);
  }
  const state = memory.get(parentElement) ?? { isPaused: false };
  memory.set(parentElement, state);
  const button = root.querySelector("button");
  const began = performance.now();
  let hasTicked = false;
  const tick = () => {
    const waited = (performance.now() - began) / 1000;
    button.textContent = state.isPaused ? "Follow" : "Pause";
    button.title = state.isPaused ? "Read new lines again" : "Stop reading new lines";
    const when = data.age_seconds === null ? "reading …" : age(data.age_seconds + waited);
    root.querySelector(".said").textContent = `${state.isPaused ? "Paused" : "Following"} · ${when}`;
    const isBusy = document.hidden || state.isPaused || document.querySelector('[role="dialog"]');
    if (isBusy || hasTicked || waited < data.every_seconds) return;
    hasTicked = true;
    setTriggerValue("tick", Date.now());
  };
  button.onclick = () => { state.isPaused = !state.isPaused; tick(); };
  tick();
  // A drawing that is interrupted is not always cleaned up: its timer would go on ticking beside the new one.
  clearInterval(state.timer);
  const timer = setInterval(() => (parentElement.isConnected ? tick() : clearInterval(timer)), 250);
  state.timer = timer;
  return () => clearInterval(timer);
}
