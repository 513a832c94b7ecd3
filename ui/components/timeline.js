const memory = new WeakMap();

function element(name, className, parent, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  parent?.append(made);
  return made;
}

function drawBar(parts, parent) {
  const bar = element("span", "bar", parent);
  bar.setAttribute("aria-hidden", "true");
  parts.forEach((part) => {
    const piece = element("span", "", bar);
    piece.style.width = `${part.percent}%`;
    piece.style.setProperty("--colour", part.colour);
  });
}

function drawDetails(item, parent, state) {
  const box = element("details", "", parent);
  box.open = state.open.has(item.id);
  box.ontoggle = () => (box.open ? state.open.add(item.id) : state.open.delete(item.id));
  const summary = element("summary", "", box, "Details");
  summary.dataset.focus = `details${item.id}`;
  const list = element("dl", "", box);
  item.details.forEach((detail) => {
    element("dt", "", list, detail.label);
    element("dd", detail.code ? "code" : "", list, detail.text);
  });
}

function drawLink(item, parent, act) {
  const link = element("a", "", parent, item.link.label);
  link.href = item.link.href;
  link.dataset.focus = `link${item.id}`;
  link.onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    act({ item: item.id, act: "open" });
  };
  if (item.link.note) element("span", "was", parent, item.link.note);
}

function drawActs(item, parent, act) {
  const box = element("div", "acts", parent);
  item.acts.forEach((each) => {
    const button = element("button", "", box, each.label);
    button.type = "button";
    button.dataset.focus = `act${each.id}${item.id}`;
    button.disabled = Boolean(each.why_off);
    button.setAttribute("aria-label", `${each.label}: ${item.when}, ${item.words}`);
    button.onclick = () => act({ item: item.id, act: each.id });
    if (each.why_off) element("span", "why", box, each.why_off);
  });
}

export default function ({ parentElement, data, setTriggerValue }) {
  const state = memory.get(parentElement) ?? { open: new Set() };
  memory.set(parentElement, state);
  let root = parentElement.querySelector(".root");
  if (!root) root = element("ol", "root", parentElement);
  state.act = (chosen) => setTriggerValue("act", chosen);
  // What is drawn anew between the pointer going down and coming up takes no press.
  const look = JSON.stringify(data);
  if (look === state.drawn && root.children.length === data.items.length) return;
  state.drawn = look;
  const act = (chosen) => state.act(chosen);
  const focused = parentElement.activeElement?.dataset?.focus;
  root.setAttribute("aria-label", data.label);
  root.replaceChildren();
  data.items.forEach((item) => {
    const line = element("li", item.tone, root);
    const text = element("div", "text", line);
    const head = element("div", "head", text);
    element("span", "outcome", head, item.outcome);
    element("time", "", head, item.when);
    if (item.link) drawLink(item, head, act);
    const split = element("div", "split", text);
    if (item.parts.length) drawBar(item.parts, split);
    element("span", "words", split, item.words);
    if (item.was) element("span", "was", split, item.was);
    item.lines.forEach((each) => element("p", "", text, each));
    if (item.quote) element("blockquote", "", text, item.quote);
    if (item.note) element("p", "note", text, item.note);
    if (item.details.length) drawDetails(item, text, state);
    if (item.acts.length) drawActs(item, line, act);
  });
  if (focused) root.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
}
