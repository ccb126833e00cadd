"""The report's CSS: light or dark by the reader's system setting, readable on a phone."""

from typing import Final

STYLE: Final = """
:root {
  --paper: #fbfaf8; --card: #ffffff; --ink: #1d2026; --soft: #626a76; --line: #e3e1dc; --grid: #ecebe7;
  --good: #17734a; --bad: #b3372b; --mark: #7a5c00; --accent: #2d5bd0;
  --c0: #2d5bd0; --c1: #d0672d; --c2: #17825a; --c3: #8a4bc4; --c4: #b3372b; --c5: #6d7480;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14161a; --card: #1b1e24; --ink: #e7e8ea; --soft: #9aa3af; --line: #2e333b; --grid: #262a31;
    --good: #55c492; --bad: #f08375; --mark: #e0bd5a; --accent: #86a8ff;
    --c0: #86a8ff; --c1: #f2a26d; --c2: #5fcea0; --c3: #c79bf2; --c4: #f08375; --c5: #a8b0bc;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 66rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  -webkit-text-size-adjust: 100%;
}
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.015em; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.75rem 0 .75rem; padding-top: .75rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 0 0 .5rem; display: flex; gap: .6rem; flex-wrap: wrap; align-items: baseline; }
p { margin: 0 0 .6rem; }
.lead { color: var(--soft); max-width: 46rem; }
.unit, .note { color: var(--soft); font-size: .85em; font-weight: 400; }
.note { margin: .5rem 0 0; max-width: 46rem; }
code, pre, .thought { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre {
  margin: .5rem 0 0; padding: .75rem 1rem; overflow-x: auto; font-size: .82rem; line-height: 1.5;
  background: var(--card); border: 1px solid var(--line); border-radius: 8px;
}
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: 0 0 .75rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--accent); }

.tiles { list-style: none; margin: 1.5rem 0 0; padding: 0; display: grid; gap: .75rem;
  grid-template-columns: repeat(auto-fit, minmax(13.5rem, 1fr)); }
.tiles li { display: flex; flex-direction: column; gap: .15rem; padding: .9rem 1rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 10px; font-size: 1.3rem; line-height: 1.35; }
.tiles .what { font-size: .85rem; color: var(--soft); }
.tiles .unit { font-size: .85rem; font-variant-numeric: tabular-nums; }
.mark { font-size: .85rem; white-space: nowrap; color: var(--soft); }
.mark.better { color: var(--good); font-weight: 600; }
.mark.worse { color: var(--bad); font-weight: 600; }
.mark.differs { color: var(--mark); font-weight: 600; }

table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { padding: .3rem .75rem .3rem 0; text-align: left; vertical-align: middle;
  border-bottom: 1px solid var(--grid); }
thead th { color: var(--soft); font-weight: 400; font-size: .85em; }
tbody th { font-weight: 400; }
tr.section th { font-weight: 650; padding-top: 1.1rem; border-bottom-color: var(--line); }
.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
.count { color: var(--soft); }
.whisker svg { width: 7.5rem; height: .9rem; display: block; }
.whisker .reach { stroke: var(--soft); stroke-width: 2; }
.whisker circle { fill: var(--soft); }
.better .whisker .reach { stroke: var(--good); } .better .whisker circle { fill: var(--good); }
.worse .whisker .reach { stroke: var(--bad); } .worse .whisker circle { fill: var(--bad); }
.differs .whisker .reach { stroke: var(--mark); } .differs .whisker circle { fill: var(--mark); }
.policy .bar { display: inline-block; vertical-align: middle; width: 6rem; height: .55rem; border-radius: 3px;
  background: linear-gradient(var(--c0), var(--c0)) 0 / var(--p) 100% no-repeat var(--grid); }
.policy .share { display: inline-block; min-width: 3rem; }

.charts { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); }
figure { margin: 0; padding: .9rem 1rem .8rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; }
figcaption { display: flex; flex-wrap: wrap; gap: .1rem .6rem; align-items: baseline; margin-bottom: .4rem; }
figure svg { width: 100%; height: auto; display: block; overflow: visible; }
figure text { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
line.grid { stroke: var(--grid); } line.zero { stroke: var(--soft); stroke-opacity: .7; }
path { fill: none; stroke: currentColor; stroke-width: 2.2; stroke-linejoin: round; stroke-linecap: round; }
path.thin { stroke-width: 1; stroke-opacity: .38; } path.dashed { stroke-width: 1.8; stroke-dasharray: 5 4; }
figure circle { fill: currentColor; }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); }
.c3 { color: var(--c3); } .c4 { color: var(--c4); } .c5 { color: var(--c5); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .1rem 1rem; margin: 0 0 .3rem; padding: 0;
  font-size: .85rem; color: var(--soft); }
.legend li { display: flex; align-items: center; gap: .4rem; }
figure svg.swatch { width: 1.4rem; height: .65rem; flex: none; }

.episodes { display: grid; gap: 1rem; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); }
article { padding: 1rem 1.1rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  overflow-wrap: anywhere; min-width: 0; }
.turns { list-style: none; margin: 0; padding: 0; }
.turns li { padding: .6rem 0; border-top: 1px solid var(--grid); }
.turns p { margin: 0 0 .25rem; }
.seen { white-space: pre-line; font-size: .9rem; color: var(--soft); }
.thought { white-space: pre-wrap; font-size: .82rem; padding: .4rem 0 .2rem .75rem;
  border-left: 2px solid var(--line); }
details { font-size: .9rem; margin: 0 0 .25rem; }
.move.bad { color: var(--bad); }
.ending { margin: .5rem 0 0; padding-top: .6rem; border-top: 1px solid var(--line);
  font-weight: 600; font-size: .95rem; }
.alarm { color: var(--bad); font-weight: 600; }

@media (max-width: 46rem) {
  body { padding: 1.25rem .9rem 3rem; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin: 0 0 .4rem; }
  thead { display: none; }
  table, tbody { display: block; }
  tr { display: flex; flex-wrap: wrap; gap: 0 1rem; padding: .45rem 0; border-bottom: 1px solid var(--grid); }
  tr.section { padding-bottom: .2rem; border-bottom-color: var(--line); }
  th, td { border: 0; padding: 0; }
  tbody tr:not(.section) th { flex: 1 0 100%; font-weight: 600; }
  td[data-label]::before { content: attr(data-label) " "; color: var(--soft); font-size: .85em; }
  td:empty, .whisker { display: none; }
  .policy .share { min-width: 0; } .policy .bar { width: 3.5rem; }
}
@media print { details { display: none; } figure, article, tr { break-inside: avoid; } }
"""
