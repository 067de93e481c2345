/**
 * All colours have a contrast of at least 4.5 to 1 in both schemes. The hash of this text is in the
 * Content-Security-Policy.
 */
export const PAGE_STYLE = `
:root{color-scheme:light dark;--page:#f4f6f8;--card:#fff;--text:#1b1f24;--quiet:#59636e;--line:#d9dee4;--track:#e4e8ed;
--ok:#188054;--note:#9a5b00;--warning:#c0281c;--link:#0a5fc2;--bar:#4a86d9;--shade:#4a86d922}
@media(prefers-color-scheme:dark){:root{--page:#101317;--card:#181c22;--text:#e6eaef;--quiet:#9aa5b1;--line:#2b323b;
--track:#2a313a;--ok:#4cc38a;--note:#eca73c;--warning:#ff7a6b;--link:#79b4ff;--bar:#5b98ec;--shade:#5b98ec22}}
*{box-sizing:border-box}
body{font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;margin:0 auto;max-width:80rem;padding:0 1rem;
background:var(--page);color:var(--text)}
a{color:var(--link);text-decoration:none}a:hover,a:focus-visible{text-decoration:underline}
header{padding:1.1rem 0 .3rem}h1{font-size:1.35rem;margin:0;overflow-wrap:anywhere}header p{margin:.2rem 0}
h2{font-size:1rem;margin:1.4rem 0 .5rem}h3{font-size:.95rem;margin:0 0 .5rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.75rem;margin:1rem 0;padding:0;list-style:none}
.tile,.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.7rem .9rem}
.tile b{display:block;font-size:1.6rem;line-height:1.2;font-weight:650;font-variant-numeric:tabular-nums}
.tile span{color:var(--quiet);font-size:.85rem}
.card{overflow-x:auto}.card.flush{padding:0}.cards{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));
gap:.75rem}.card.wide{grid-column:1/-1}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.45rem .8rem;border-bottom:1px solid var(--line);vertical-align:top}
tbody tr:last-child>*{border-bottom:0}
th{font-weight:600;color:var(--quiet);font-size:.8rem;white-space:nowrap}
tbody th{font-size:inherit;color:inherit;font-weight:inherit;white-space:normal}
td{white-space:nowrap}.text{white-space:normal;overflow-wrap:anywhere;min-width:9rem}
td:first-child{width:1%}td a{white-space:normal;overflow-wrap:anywhere}
summary{padding:.6rem .9rem;color:var(--link);cursor:pointer}details table{border-top:1px solid var(--line)}
small{color:var(--quiet);font-size:.82rem;display:block;overflow-wrap:anywhere}
.badge{display:inline-block;min-width:6em;text-align:center;border-radius:1em;padding:.05em .6em;font-size:.8rem;font-weight:650;
border:1px solid currentColor;color:var(--quiet)}
.badge.normal,.badge.resolved{color:var(--ok)}.badge.note,.badge.pending,.badge.unknown{color:var(--note)}
.badge.warning{color:var(--warning)}.badge.down,.badge.firing{background:var(--warning);border-color:var(--warning);color:var(--card)}
.note{color:var(--note)}.warning,.error{color:var(--warning)}.good{color:var(--ok)}
.meter{display:inline-block;min-width:5.5rem}.meter svg{display:block;width:100%;height:4px;margin-top:.2rem}
.meter rect{fill:var(--bar)}.meter .track{fill:var(--track)}.meter.note rect:last-child{fill:var(--note)}
.meter.warning rect:last-child{fill:var(--warning)}
.quiet,footer{color:var(--quiet)}.error{font-size:.85rem}
dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem;margin:0}dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere;
font-variant-numeric:tabular-nums}
figure{margin:0}.chart svg{display:block;width:100%;height:auto}.chart path{fill:none;stroke:var(--bar);stroke-width:1.6;stroke-linejoin:round}
.chart path.area{fill:var(--shade);stroke:none}.chart line{stroke:var(--line)}.chart text{fill:var(--quiet);font-size:10px}
.chart h3{display:flex;justify-content:space-between;gap:1rem}.chart circle{fill:var(--bar)}
footer{display:flex;flex-wrap:wrap;gap:.3rem 1.5rem;margin:1.5rem 0;font-size:.82rem}footer a{margin-right:.6rem}
.card.good{font-weight:600}
@media(max-width:44rem){body{padding:0 .75rem}.stack thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.stack,.stack tbody{display:block}.stack tr{display:grid;grid-template-columns:repeat(2,1fr);gap:.35rem .8rem;padding:.7rem .9rem;
border-bottom:1px solid var(--line)}.stack tr:last-child{border-bottom:0}.stack td,.stack th{display:block;padding:0;border:0}
.stack th{grid-area:1/1}.stack td:first-child{grid-area:1/2;justify-self:end;width:auto}.stack td[data-name]::before{content:attr(data-name);display:block;color:var(--quiet);font-size:.78rem}
.stack .meter{display:block}.tiles{grid-template-columns:repeat(2,1fr)}.cards{grid-template-columns:minmax(0,1fr)}.text{min-width:0}.empty{display:none!important}}
`;
