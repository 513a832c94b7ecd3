// Cards of small charts. All charts share one time axis, so the pointer marks the same minute in all of them. All text
// arrives as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, EDGE] = [240, 40, 2];

function element(tag, className, parent, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  parent?.append(node);
  return node;
}

function shape(name, className, parent) {
  const node = document.createElementNS(SVG, name);
  if (className) node.setAttribute("class", className);
  parent.append(node);
  return node;
}

function number(value) {
  const digits = value >= 99.95 || value === 0 ? 0 : value >= 0.995 ? 1 : 2;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const placeOf = (i, count) => EDGE + (i / Math.max(1, count - 1)) * (WIDTH - 2 * EDGE);

function path(values, most) {
  const line = [];
  let isDrawing = false;
  values.forEach((value, i) => {
    if (value === null) { isDrawing = false; return; }
    const x = placeOf(i, values.length).toFixed(1);
    const y = (HEIGHT - EDGE - (most ? value / most : 0) * (HEIGHT - 2 * EDGE)).toFixed(1);
    // A lone minute between two gaps is a dot: a line of no length with round ends.
    line.push(`${isDrawing ? "L" : `M${x} ${y}L`}${x} ${y}`);
    isDrawing = true;
  });
  return line.join("");
}

function largest(plot) {
  return Math.max(0, ...plot.curves.flatMap((curve) => curve.values.filter((value) => value !== null)));
}

function described(plot, most) {
  const minutes = plot.curves[0].values.length;
  const gaps = plot.curves[0].values.filter((value) => value === null).length;
  const gone = gaps ? `, ${gaps} of ${minutes} minutes without data` : "";
  const names = plot.curves.length > 1 ? ` of ${plot.curves.map((curve) => curve.name).join(", ")}` : "";
  return `${plot.label}${names} in the last ${minutes} minutes: now ${plot.words}, at most ${number(most)} ${plot.unit}${gone}`;
}

function drawPlot(plot, most, parent, marks) {
  const row = element("div", "plot", parent);
  const head = element("div", "head", row);
  const label = element("span", "label", head, plot.label);
  const words = element("span", "words", head, plot.words);
  if (!plot.curves.length) {
    words.classList.add("muted");
    element("div", "nothing", row, plot.nothing);
    return;
  }
  const svg = shape("svg", "", row);
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", described(plot, largest(plot)));
  const floor = shape("path", "floor", svg);
  floor.setAttribute("d", `M0 ${HEIGHT - EDGE}H${WIDTH}`);
  plot.curves.forEach((curve) => {
    const line = shape("path", `curve ${curve.tone}`, svg);
    line.setAttribute("d", path(curve.values, most));
    if (curve.colour) line.style.setProperty("--colour", curve.colour);
  });
  const mark = shape("path", "mark", svg);
  element("small", "", label, `to ${number(most)} ${plot.unit}`);
  marks.push({ svg, mark, words, plot });
}

function told(plot, i) {
  const known = plot.curves.filter((curve) => curve.values[i] !== null);
  if (!known.length) return "no data";
  const isOne = plot.curves.length === 1;
  const each = known.map((curve) => `${isOne ? "" : `${curve.name} `}${number(curve.values[i])}`);
  return `${each.join(", ")} ${plot.unit}`;
}

function followPointer(root, marks, clock, start) {
  const clear = () => {
    clock.textContent = clock.dataset.text;
    marks.forEach(({ mark, words, plot }) => { mark.removeAttribute("d"); words.textContent = plot.words; });
  };
  root.onpointermove = (event) => {
    const over = event.composedPath().find((node) => node.localName === "svg");
    if (!over) { clear(); return; }
    const box = over.getBoundingClientRect();
    const count = marks[0].plot.curves[0].values.length;
    const part = (event.clientX - box.left) / box.width;
    const i = Math.max(0, Math.min(count - 1, Math.round(part * (count - 1))));
    const at = new Date((start + i * 60) * 1000).toISOString().slice(11, 16);
    clock.textContent = `${at} UTC`;
    marks.forEach(({ mark, words, plot }) => {
      mark.setAttribute("d", `M${placeOf(i, count).toFixed(1)} 0V${HEIGHT}`);
      words.textContent = told(plot, i);
    });
  };
  root.onpointerleave = clear;
}

function drawCard(card, scale, parent, marks, open) {
  const box = element("li", "card", parent);
  const head = element("div", "title", box);
  const link = element("a", "", head, card.name);
  link.href = card.href;
  link.dataset.focus = card.href;
  link.onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(card.id);
  };
  if (card.place) element("span", "place", head, card.place);
  if (card.note) element("p", "note", box, card.note);
  card.plots.forEach((plot, i) => drawPlot(plot, scale ? scale[i] : largest(plot), box, marks));
  const coloured = card.plots.flatMap((plot) => plot.curves).filter((curve) => curve.colour);
  if (coloured.length < 2) return;
  const legend = element("div", "legend", box);
  coloured.forEach((curve) => {
    const entry = element("span", "", legend);
    element("span", "swatch", entry).style.setProperty("--colour", curve.colour);
    entry.append(curve.name);
  });
}

const memory = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const state = memory.get(parentElement) ?? { isShared: false };
  memory.set(parentElement, state);
  const root = parentElement.querySelector(".root") ?? element("div", "root", parentElement);
  const open = (id) => setTriggerValue("open", id);
  const draw = () => {
    const focused = (parentElement.activeElement ?? parentElement.getRootNode().activeElement)?.dataset?.focus;
    root.replaceChildren();
    const bar = element("div", "bar", root);
    const label = element("label", "", bar);
    const box = element("input", "", label);
    box.type = "checkbox";
    box.checked = state.isShared;
    box.dataset.focus = "scale";
    box.onchange = () => { state.isShared = box.checked; draw(); };
    label.append("Same scale in all cards");
    const clock = element("span", "clock", bar);
    clock.dataset.text = clock.textContent = data.start === null ? "" : "The last 60 settled minutes, each chart from 0.";
    const list = element("ul", "cards", root);
    list.setAttribute("aria-label", data.label);
    const marks = [];
    const places = data.cards[0]?.plots.map((_, i) => i) ?? [];
    const scale = state.isShared ? places.map((i) => Math.max(...data.cards.map((card) => largest(card.plots[i])))) : null;
    data.cards.forEach((card) => drawCard(card, scale, list, marks, open));
    if (marks.length) followPointer(root, marks, clock, data.start);
    if (focused) root.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
  };
  draw();
}
