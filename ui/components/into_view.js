// Brings the place where it stands into sight, once for each token: what a person has asked for happens there.

let last;

export default function ({ parentElement, data }) {
  if (data.token === last) return;
  last = data.token;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const place = (parentElement.host ?? parentElement).closest?.('[data-testid="stElementContainer"]') ?? parentElement.host;
  place?.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
}
