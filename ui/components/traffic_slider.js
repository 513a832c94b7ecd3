// Linked slider: n shares that always sum to 100, with handles on the boundaries between neighbours.
// A handle that reaches its neighbour pushes it along, so that every split can be reached from every other.
// Of many deployments the server puts only some on the bar: a handle for each of the others would hide it.

const memory = new WeakMap();
const GAP = 16;
const REACH = 22;

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

// Handles that would cover each other stand side by side, so that each can be grasped.
function places(edges, width) {
  const gap = Math.min(GAP, width / Math.max(1, edges.length - 1));
  const wanted = edges.map((edge) => (edge / 100) * width);
  const right = [], left = [];
  wanted.forEach((x, i) => { right[i] = i ? Math.max(x, right[i - 1] + gap) : x; });
  for (let i = wanted.length - 1; i >= 0; i -= 1) {
    left[i] = i < wanted.length - 1 ? Math.min(wanted[i], left[i + 1] - gap) : wanted[i];
  }
  const last = wanted.length - 1;
  return wanted.map((_, i) => Math.min(width - (last - i) * gap, Math.max(i * gap, (right[i] + left[i]) / 2)));
}

function element(tag, className, parent) {
  const node = document.createElement(tag);
  node.className = className;
  parent.appendChild(node);
  return node;
}

// An answer to an older move must not pull the handle back from under the person's finger.
function remembered(parentElement, data) {
  const known = memory.get(parentElement);
  const isNew = !known || known.identity !== data.identity;
  const state = isNew ? { identity: data.identity, sequence: data.sequence } : known;
  memory.set(parentElement, state);
  if (isNew || state.revision !== data.revision) {
    state.revision = data.revision;
    state.shares = [...data.shares];
  } else if (data.sequence >= state.sequence) {
    state.shares = [...data.shares];
  }
  state.sequence = Math.max(state.sequence, data.sequence);
  return state;
}

export default function ({ parentElement, data, setStateValue }) {
  const state = remembered(parentElement, data);
  if (state.isDragging) return;
  const { disabled, bar } = data;
  const names = bar.map((i) => data.names[i]);
  const colours = bar.map((i) => data.colours[i]);
  const shares = () => bar.map((i) => state.shares[i]);
  const setShares = (next) => bar.forEach((place, i) => { state.shares[place] = next[i]; });

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
    const now = shares();
    const edges = boundaries(now);
    const xs = places(edges, track.clientWidth);
    root.classList.toggle("none", !now.some((share) => share));
    segments.forEach((segment, i) => {
      segment.style.width = `${now[i]}%`;
      const words = `${names[i]} ${now[i]} %`;
      segment.title = words;
      const room = (track.clientWidth * now[i]) / 100 - 24;
      segment.textContent = room > words.length * 7.5 ? words : "";
    });
    entries.forEach((entry, i) => { entry.textContent = `${now[i]} %`; });
    handles.forEach((handle, i) => {
      const reach = (other) => (other === undefined ? REACH : Math.min(REACH, Math.abs(xs[i] - other) / 2));
      handle.style.left = `${xs[i]}px`;
      handle.style.setProperty("--to-left", `${reach(xs[i - 1])}px`);
      handle.style.setProperty("--to-right", `${reach(xs[i + 1])}px`);
      handle.setAttribute("aria-valuenow", edges[i]);
      handle.setAttribute("aria-valuetext", `${names[i]} ${now[i]} %, ${names[i + 1]} ${now[i + 1]} %`);
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
      setShares(moved(shares(), i, boundaries(shares())[i] + step));
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
      const grasp = event.clientX - box.left - (boundaries(shares())[i] / 100) * box.width;
      handle.onpointermove = (move) => {
        setShares(moved(shares(), i, ((move.clientX - box.left - grasp) / box.width) * 100));
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
