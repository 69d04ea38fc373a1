/** The style sheet of the report: light and dark, for screens and paper. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #fff; --ink: #1b2430; --soft: #5b6675; --line: #dfe3e8; --track: #eceff3;
  --c0: #2c6cb8; --c1: #d97b1f; --c2: #2f9468; --c3: #b04a8b; --c4: #7464c9; --rest: #9aa3ae; --mark: #12345c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161c; --card: #1a2028; --ink: #e6eaf0; --soft: #9aa6b5; --line: #2d3642; --track: #262e39;
    --c0: #5b9be6; --c1: #efa052; --c2: #52bd8e; --c3: #d77bb5; --c4: #9d90ea; --rest: #6b7683; --mark: #d8e6f8;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 1040px; margin: 0 auto; padding: 36px 24px 48px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -.01em; }
h2 { font-size: 20px; margin: 44px 0 4px; letter-spacing: -.005em; }
h3 { font-size: 15px; margin: 24px 0 8px; }
p { margin: 0 0 14px; max-width: 72ch; }
.soft, .note { color: var(--soft); }
.note { font-size: 13px; margin: 6px 0 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px; margin: 24px 0 0; padding: 0; }
.tiles div { display: flex; flex-direction: column; justify-content: space-between; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px; }
.tiles dt { color: var(--soft); font-size: 13px; }
.tiles dd { margin: 0; font-size: 24px; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.3; }
.grid2 { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 16px; align-items: start; }
figure, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px; margin: 0 0 16px; min-width: 0; }
.grid2 > figure, .grid2 > .card { margin: 0; }
.grid2 { margin-bottom: 16px; }
figcaption, .card h3 { font-weight: 600; font-size: 15px; margin: 0 0 10px; }
figure svg { display: block; width: 100%; height: auto; }
svg text { font: 11px system-ui, "Liberation Sans", Arial, sans-serif; fill: var(--soft); }
.grid { stroke: var(--line); stroke-width: 1; }
.c0 { fill: var(--c0); background: var(--c0); } .c1 { fill: var(--c1); background: var(--c1); }
.c2 { fill: var(--c2); background: var(--c2); } .c3 { fill: var(--c3); background: var(--c3); }
.c4 { fill: var(--c4); background: var(--c4); } .rest { fill: var(--rest); background: var(--rest); }
.track { fill: var(--track); } .whisker { fill: var(--mark); }
.legend { font-size: 13px; color: var(--soft); margin: -4px 0 8px; max-width: none; }
.legend span { display: inline-block; max-width: 100%; margin-right: 14px; overflow-wrap: anywhere; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 6px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 5px 12px 5px 0; vertical-align: top; font-weight: 400; overflow-wrap: anywhere; }
thead th { color: var(--soft); font-size: 13px; border-bottom: 1px solid var(--line); overflow-wrap: normal; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
.number { text-align: right; white-space: nowrap; padding-right: 0; }
thead .number, td.number + td.number { padding-left: 12px; }
.bars th { width: 1%; min-width: 84px; max-width: 210px; white-space: nowrap; overflow-wrap: normal; }
.bars tr > * { border: 0 !important; padding-top: 4px; padding-bottom: 4px; }
.bars td.bar { width: 99%; padding-top: 9px; }
figure .bars svg { height: 11px; border-radius: 3px; overflow: hidden; }
code { font: 12.5px ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; }
ul.gives { list-style: none; padding: 0; margin: 0; columns: 2 400px; column-gap: 16px; }
ul.gives li { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 18px; margin: 0 0 14px; break-inside: avoid; }
ul.gives strong { display: block; font-size: 22px; line-height: 1.25; color: var(--c0); font-variant-numeric: tabular-nums; }
ul.gives p { margin: 0; }
.empty { color: var(--soft); margin: 0; }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 0; font-size: 14px; }
dl.facts dt { color: var(--soft); } dl.facts dd { margin: 0; overflow-wrap: anywhere; }
footer { color: var(--soft); font-size: 13px; margin-top: 40px; }
@media print {
  :root {
    color-scheme: light;
    --ground: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #ccc; --track: #eee;
    --c0: #2c6cb8; --c1: #d97b1f; --c2: #2f9468; --c3: #b04a8b; --c4: #7464c9; --rest: #9aa3ae; --mark: #12345c;
  }
  @page { margin: 14mm; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 9pt; } main { max-width: none; padding: 0; }
  h1 { font-size: 18pt; } h2 { font-size: 13pt; margin-top: 22px; } ul.gives strong, .tiles dd { font-size: 14pt; } figcaption, .card h3 { font-size: 9.5pt; }
  .tiles { grid-template-columns: repeat(6, 1fr); } .grid2 { grid-template-columns: 1fr 1fr; } ul.gives { columns: 2; }
  table, dl.facts, .legend, .note, .tiles dt, thead th { font-size: 8pt; } code { font-size: 7pt; }
  section > p { break-after: avoid; }
  figure, .card, li, tr, .tiles div { break-inside: avoid; } h2, h3, figcaption { break-after: avoid; }
}
`;
