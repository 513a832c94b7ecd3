// Tells which time was clicked in any chart of the page. A press on plotly's own event: a drag is none.

let tell = null;
let isListening = false;
const known = new WeakSet();

function clicked(event) {
  const at = event?.points?.[0]?.x;
  if (tell && at !== undefined && at !== null) tell("clicked", String(at));
}

function meet(event) {
  // A chart that is drawn anew has listeners of its own, so it is met when somebody comes to it.
  const plot = event.target.closest?.(".js-plotly-plot");
  if (!plot?.on || !plot._ev || known.has(plot._ev)) return;
  known.add(plot._ev);
  plot.on("plotly_click", clicked);
}

export default function ({ setTriggerValue }) {
  tell = setTriggerValue;
  if (!isListening) {
    isListening = true;
    for (const name of ["pointerover", "pointerdown"]) document.addEventListener(name, meet, true);
  }
  return () => { if (tell === setTriggerValue) tell = null; };
}
