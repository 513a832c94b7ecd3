// Linked slider: n shares that always sum to 100, with n - 1 handles on their boundaries.
// A handle that reaches its neighbour pushes it along, so that every split can be reached from every other.

const memory = new WeakMap();

const STEPS = {
  ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -100, End: 100,
};

function boundaries(shares) {
  let sum = 0;
  return shares.slice(0, -1).map((share) => (sum += share));
}

function sharesOf(edges) {
  return [...edges, 100].map((edge, i) => edge - (i ? edges[i - 1] : 0));
}

function moved(shares, index, position) {
  const target = Math.min(100, Math.max(0, Math.round(position)));
  const edges = boundaries(shares).map((edge, i) =>
    i === index ? target : i < index ? Math.min(edge, target) : Math.max(edge, target));
  return sharesOf(edges);
}

function element(tag, className, parent) {
  const node = document.createElement(tag);
  node.className = className;
  parent.appendChild(node);
  return node;
}

export default function ({ parentElement, data, setStateValue }) {
  const state = memory.get(parentElement) ?? { shares: data.shares, sequence: data.sequence, revision: data.revision };
  memory.set(parentElement, state);
  // An answer to an older move must not pull the handle back from under the person's finger.
  if (state.revision !== data.revision || data.sequence >= state.sequence) {
    state.shares = [...data.shares];
    state.revision = data.revision;
    state.sequence = Math.max(state.sequence, data.sequence);
  }
  if (state.isDragging) return;
  const { names, colours, disabled } = data;

  let root = parentElement.querySelector(".root");
  if (!root) root = element("div", "root", parentElement);
  const focused = Number(parentElement.activeElement?.dataset?.index ?? -1);
  root.replaceChildren();
  root.classList.toggle("disabled", disabled);
  const track = element("div", "track", root);
  track.setAttribute("role", "group");
  track.setAttribute("aria-label", data.label);
  const legend = element("div", "legend", root);
  legend.setAttribute("aria-hidden", "true");

  const fill = element("div", "fill", track);
  const segments = names.map((name, i) => {
    const segment = element("div", "segment", fill);
    segment.style.background = colours[i];
    segment.title = name;
    return segment;
  });
  const stopped = element("div", "stopped", track);
  stopped.textContent = "All traffic is stopped";
  const entries = names.map((name, i) => {
    const entry = element("span", "entry", legend);
    element("span", "swatch", entry).style.setProperty("--colour", colours[i]);
    element("span", "name", entry).textContent = name;
    return element("span", "percent", entry);
  });
  const handles = names.slice(0, -1).map((name, i) => {
    const handle = element("div", "handle", track);
    handle.dataset.index = i;
    handle.tabIndex = 0;
    handle.setAttribute("role", "slider");
    handle.setAttribute("aria-label", `Boundary between ${name} and ${names[i + 1]}`);
    handle.setAttribute("aria-valuemin", 0);
    handle.setAttribute("aria-valuemax", 100);
    handle.setAttribute("aria-disabled", String(disabled));
    return handle;
  });

  const draw = () => {
    const total = state.shares.reduce((sum, share) => sum + share, 0);
    const edges = boundaries(state.shares);
    root.classList.toggle("none", total === 0);
    segments.forEach((segment, i) => {
      segment.style.width = `${state.shares[i]}%`;
      const words = `${names[i]} ${state.shares[i]} %`;
      const room = (track.clientWidth * state.shares[i]) / 100 - 24;
      segment.textContent = room > words.length * 7.5 ? words : "";
    });
    entries.forEach((entry, i) => { entry.textContent = `${state.shares[i]} %`; });
    handles.forEach((handle, i) => {
      // Handles on the same boundary stand side by side, so that each can be grasped.
      const same = edges.map((edge, j) => (edge === edges[i] ? j : -1)).filter((j) => j >= 0);
      const shift = (same.indexOf(i) - (same.length - 1) / 2) * 16;
      handle.style.left = `calc(${edges[i]}% + ${shift}px)`;
      handle.setAttribute("aria-valuenow", edges[i]);
      handle.setAttribute(
        "aria-valuetext", `${names[i]} ${state.shares[i]} %, ${names[i + 1]} ${state.shares[i + 1]} %`);
    });
  };

  const commit = () => {
    clearTimeout(state.timer);
    state.timer = undefined;
    state.sequence += 1;
    setStateValue("move", { shares: [...state.shares], sequence: state.sequence });
  };

  handles.forEach((handle, i) => {
    handle.onkeydown = (event) => {
      const step = STEPS[event.key];
      if (step === undefined || disabled) return;
      event.preventDefault();
      state.shares = moved(state.shares, i, boundaries(state.shares)[i] + step);
      draw();
      clearTimeout(state.timer);
      state.timer = setTimeout(commit, 600);
    };
    handle.onkeyup = () => { if (state.timer !== undefined) commit(); };
    handle.onpointerdown = (event) => {
      if (disabled) return;
      event.preventDefault();
      handle.focus();
      handle.setPointerCapture(event.pointerId);
      const before = state.shares.join();
      state.isDragging = true;
      const box = track.getBoundingClientRect();
      const grasp = event.clientX - box.left - (boundaries(state.shares)[i] / 100) * box.width;
      handle.onpointermove = (move) => {
        state.shares = moved(state.shares, i, ((move.clientX - box.left - grasp) / box.width) * 100);
        draw();
      };
      handle.onpointerup = handle.onpointercancel = () => {
        handle.onpointermove = handle.onpointerup = handle.onpointercancel = null;
        state.isDragging = false;
        if (state.shares.join() !== before) commit();
      };
    };
  });

  draw();
  state.observer?.disconnect();
  state.observer = new ResizeObserver(draw);
  state.observer.observe(track);
  if (focused >= 0) handles[focused]?.focus();
}
