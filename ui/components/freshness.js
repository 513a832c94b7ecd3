// "Updated 12 s ago" that counts by itself, a refresh button, and an optional refresh in steady intervals that pauses
// while nobody looks at the page.

const timers = new WeakMap();

function words(seconds) {
  if (seconds < 2) return "updated just now";
  if (seconds < 60) return `updated ${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `updated ${Math.floor(seconds / 60)} min ago`;
  return `updated ${Math.floor(seconds / 3600)} h ago`;
}

export default function ({ parentElement, data, setTriggerValue }) {
  let root = parentElement.querySelector(".root");
  if (!root) {
    root = document.createElement("div");
    root.className = "root";
    root.innerHTML = '<span class="age"></span><button type="button"><span class="icon" aria-hidden="true">refresh</span>Refresh</button>';
    parentElement.appendChild(root);
  }
  const began = performance.now();
  let hasTicked = false;
  const age = root.querySelector(".age");
  const button = root.querySelector("button");
  const refresh = () => setTriggerValue("refresh", Date.now());
  const tick = () => {
    const waited = (performance.now() - began) / 1000;
    age.textContent = data.age_seconds === null ? "" : words(data.age_seconds + waited);
    // A rerun would close a dialog that somebody is reading.
    const isBusy = document.hidden || document.querySelector('[role="dialog"]');
    if (data.every_seconds && waited >= data.every_seconds && !isBusy && !hasTicked) {
      hasTicked = true;
      setTriggerValue("tick", Date.now());
    }
  };
  button.onclick = refresh;
  tick();
  // A drawing that is interrupted is not always cleaned up: its timer would go on ticking beside the new one, and many of
  // them ask for the page faster than it can be drawn.
  clearInterval(timers.get(parentElement));
  const timer = setInterval(() => (parentElement.isConnected ? tick() : clearInterval(timer)), 1000);
  timers.set(parentElement, timer);
  return () => clearInterval(timer);
}
