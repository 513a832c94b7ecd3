// Tells which time was clicked, or dragged over, in any chart of the page. On plotly's own events: a press that moves
// is a drag and no click.

let tell = null;
let isListening = false;
const known = new WeakSet();

function clicked(event) {
  const at = event?.points?.[0]?.x;
  if (tell && at !== undefined && at !== null) tell("clicked", String(at));
}

function dragged(event) {
  // Without a range a selection was taken back.
  const ends = event?.range?.x;
  if (tell && ends?.length === 2) tell("dragged", ends.map(String));
}

function meet(event) {
  // A chart that is drawn anew has listeners of its own, so it is met when somebody comes to it.
  const plot = event.target.closest?.(".js-plotly-plot");
  if (!plot?.on || !plot._ev || known.has(plot._ev)) return;
  known.add(plot._ev);
  plot.on("plotly_click", clicked);
  plot.on("plotly_selected", dragged);
}

export default function ({ setTriggerValue }) {
  tell = setTriggerValue;
  if (!isListening) {
    isListening = true;
    for (const name of ["pointerover", "pointerdown"]) document.addEventListener(name, meet, true);
  }
  return () => { if (tell === setTriggerValue) tell = null; };
}
