"""How the page of a plan looks: light and dark, on paper, and on narrow screens. Without it, the page still reads."""

STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1b1f24; --faint: #57606a; --paper: #ffffff; --panel: #f6f8fa; --line: #d0d7de; --link: #0550ae;
  --added: #0b5320; --added-bg: #e3f8e8; --added-word: #a6ecb7;
  --removed: #82071e; --removed-bg: #ffebe9; --removed-word: #ffc1bc;
  --changed: #6f4400; --drift: #6a2397; --drift-bg: #f5ebfc; --alarm: #a40e26;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6edf3; --faint: #9aa5b1; --paper: #0d1117; --panel: #161b22; --line: #30363d; --link: #79b8ff;
    --added: #9be9ae; --added-bg: #10291a; --added-word: #1f6032;
    --removed: #ffb3ad; --removed-bg: #331418; --removed-word: #85262c;
    --changed: #e9b65c; --drift: #d6a8f5; --drift-bg: #241730; --alarm: #ff8a8a;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem clamp(0.75rem, 3vw, 2.5rem) 4rem; max-width: 100rem;
  background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 0.5rem; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 0.75rem; }
h3, h4 { font-size: 1rem; margin: 0; font-weight: 600; }
p { margin: 0.3rem 0; }
a { color: var(--link); }
code, pre, td, th { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
code { overflow-wrap: anywhere; }
pre, td, th { font-size: 0.85rem; line-height: 1.45; }
.sentence { font-size: 1.1rem; font-weight: 600; }
.faint, .place { color: var(--faint); }
nav ul { margin: 0.3rem 0; padding-left: 1.25rem; columns: 22rem; }
fieldset { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin: 1rem 0; padding: 0.4rem 0.9rem;
  border: 1px solid var(--line); border-radius: 6px; background: var(--panel); }
fieldset label { display: inline-flex; gap: 0.4rem; align-items: center; min-height: 1.75rem; cursor: pointer; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.step { margin: 0 0 1rem; border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
.step > summary { padding: 0.5rem 0.9rem; background: var(--panel); cursor: pointer; }
.step > summary h3 { display: inline; }
.step > .body { padding: 0.25rem 0.9rem 0.9rem; }
.badge { display: inline-block; padding: 0 0.5em; margin-right: 0.3rem; border: 1px solid currentColor;
  border-radius: 1em; font-size: 0.8rem; font-weight: 600; }
.added { color: var(--added); } .removed { color: var(--removed); } .changed { color: var(--changed); }
.drift { color: var(--drift); } .warning { color: var(--changed); } .error { color: var(--alarm); }
.strong { font-weight: 600; }
.blocked { border-left: 4px solid var(--alarm); padding-left: 0.8rem; }
pre { margin: 0.4rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.text { margin: 0.8rem 0; }
.text > h4 { font-weight: 500; }
table { width: 100%; border-collapse: collapse; border: 1px solid var(--line); table-layout: fixed; }
caption, .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
th { text-align: left; font-weight: 600; padding: 0.1rem 0.5rem; background: var(--panel);
  border-bottom: 1px solid var(--line); }
td { vertical-align: top; padding: 0 0.5rem; }
td.n { color: var(--faint); text-align: right; user-select: none; padding: 0 0.4rem 0 0; font-size: 0.75rem;
  line-height: 1.65; }
td.s { text-align: center; padding: 0; font-weight: 700; user-select: none; }
td.t { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; }
col.n { width: 3.2rem; } col.s { width: 1.3rem; }
td.minus { background: var(--removed-bg); } td.plus { background: var(--added-bg); }
td.s.minus { color: var(--removed); } td.s.plus { color: var(--added); } td.both { color: var(--changed); }
td.none { background: var(--panel); }
del { background: var(--removed-bg); text-decoration: line-through; }
ins { background: var(--added-bg); text-decoration: underline; }
td.word del, td.minus del { background: var(--removed-word); }
td.word ins, td.plus ins { background: var(--added-word); }
td.whole del, td.whole ins { text-decoration: none; }
td.whole del, td.whole ins { background: none; }
.gap { margin: 0; padding: 0.15rem 0.5rem; border: 1px solid var(--line); border-width: 0 1px; background: var(--panel);
  color: var(--faint); font-size: 0.85rem; }
.gap > summary { cursor: pointer; min-height: 1.5rem; }
:root:has(#side:checked) .inline, :root:has(#inline:checked) .beside { display: none; }
:root:has(#auto:checked) .inline { display: none; }
@media (max-width: 60rem) {
  :root:has(#auto:checked) .beside { display: none; }
  :root:has(#auto:checked) .inline { display: table; }
  col.n { width: 2.2rem; }
  .step > .body, .step > summary { padding-left: 0.5rem; padding-right: 0.5rem; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  fieldset, nav { display: none; }
  :root:has(#auto:checked) .beside { display: none; }
  :root:has(#auto:checked) .inline { display: table; }
  .step, .gap { overflow: visible; }
  .step::details-content { content-visibility: visible; height: auto; display: block; }
  tr { break-inside: avoid; }
  td, del, ins { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
