"""How a report looks, on screen in both themes and on paper."""

STYLE = """
:root {
  color-scheme: light dark;
  --ink: light-dark(#1b1f26, #e4e7ec); --quiet: light-dark(#5b6472, #9aa4b2); --line: light-dark(#d9dde4, #2f3641);
  --page: light-dark(#ffffff, #0e1116); --soft: light-dark(#f5f6f8, #181c23);
  --good: light-dark(#0f6b35, #63d297); --busy: light-dark(#8a4508, #f2a65e); --bad: light-dark(#b3212f, #ff8a8f);
  --live: light-dark(var(--live-colour), color-mix(in srgb, var(--live-colour) 75%, white));
  --candidate: light-dark(var(--candidate-colour), color-mix(in srgb, var(--candidate-colour) 75%, white));
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
  font-variant-numeric: tabular-nums;
}
main { max-width: 1240px; margin: 0 auto; padding: 1.5rem 1.25rem 3rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 0.6rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 1.9rem 0 0.6rem; }
p { margin: 0 0 0.6rem; max-width: 62rem; }
small { font-size: 0.87em; }
.quiet { color: var(--quiet); }
.good { color: var(--good); } .busy { color: var(--busy); } .bad { color: var(--bad); }
.verdict { border-left: 4px solid currentColor; background: var(--soft); padding: 0.6rem 0.9rem; max-width: none; }
.verdict b { font-size: 1.15rem; margin-right: 0.6rem; white-space: nowrap; } .verdict span { color: var(--ink); }
ul { margin: 0; padding-left: 1.2rem; max-width: 62rem; } li { margin-bottom: 0.25rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 0.5rem 1.5rem; margin: 0 0 1rem; }
dt { color: var(--quiet); font-size: 0.87em; } dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin-bottom: 0.8rem; }
.scroll:focus-visible { outline: 2px solid var(--busy); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.4rem 0.9rem 0.4rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--quiet); font-weight: 500; font-size: 0.87em; vertical-align: bottom; }
td { min-width: 5rem; } td:first-child, .tone { white-space: nowrap; }
.number { text-align: right; }
@media screen and (max-width: 800px) { table { width: max-content; } td { max-width: 16rem; } }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 28rem), 1fr)); gap: 1.2rem 1.5rem; }
figure { margin: 0; min-width: 0; break-inside: avoid; }
figcaption { display: flex; flex-wrap: wrap; gap: 0 0.9rem; align-items: baseline; margin-bottom: 0.2rem; }
figcaption small { color: var(--quiet); }
figure svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--quiet); font: 11px system-ui, sans-serif; }
.grid { stroke: var(--line); } .level { stroke: var(--quiet); stroke-dasharray: 4 3; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.line.live, .whisker.live { stroke: var(--live); } .line.candidate, .whisker.candidate { stroke: var(--candidate); }
.line.candidate { stroke-dasharray: 7 2.5; }
.band.candidate { fill: var(--candidate); opacity: 0.2; }
.dot.live { fill: var(--live); } .dot.candidate { fill: var(--candidate); }
.whisker { stroke-width: 1.3; opacity: 0.8; }
.key { display: inline-block; width: 1.1em; height: 0; border-top: 3px solid; margin: 0 0.35em 0.25em 0.15em; }
.key.live { border-color: var(--live); } .key.candidate { border-color: var(--candidate); border-top-style: dashed; }
.against { display: block; width: 200px; height: 26px; margin-top: 0.2rem; }
.against .beyond { fill: var(--bad); opacity: 0.14; } .against .limit { stroke: var(--bad); stroke-width: 1.5; }
.against .interval { stroke: var(--ink); stroke-width: 3; } .against .estimate { fill: var(--ink); }
footer { margin-top: 2.2rem; font-size: 0.87em; overflow-wrap: anywhere; }
@media print {
  :root { color-scheme: light; }
  main { max-width: none; padding: 0; } body { font-size: 10.5px; } .scroll { overflow: visible; }
  h1 { font-size: 1.5rem; } h2 { font-size: 1.05rem; margin-top: 1.2rem; break-after: avoid; }
  tr, li, .verdict { break-inside: avoid; }
  td { min-width: 0; } th, td { padding: 0.3rem 0.7rem 0.3rem 0; overflow-wrap: break-word; }
  table { font-size: 0.93em; } td:first-child { white-space: normal; } td:last-child { min-width: 9rem; }
  .against { width: 110px; }
  .charts { grid-template-columns: 1fr 1fr; gap: 0.9rem 1.2rem; }
  .verdict { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
