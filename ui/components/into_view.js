// Brings the place where it stands into sight, once for each token: what a person has asked for happens there.

let last;

export default function ({ parentElement, data }) {
  if (data.token === last) return;
  last = data.token;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const place = (parentElement.host ?? parentElement).closest?.('[data-testid="stElementContainer"]') ?? parentElement.host;
  if (!place) return;
  const top = place.getBoundingClientRect().top;
  if (data.gently && top >= 0 && top < window.innerHeight * 0.6) return;
  place.scrollIntoView({ block: data.gently ? "start" : "center", behavior: calm ? "auto" : "smooth" });
}
