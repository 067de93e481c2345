import assert from "node:assert/strict";
import { test } from "node:test";
import type { LabelledValue } from "../../../exporter/shared/model/human-lines.js";
import { renderFleetPage } from "../../../scraper/web/fleet-page.js";
import { type HostView, renderHostPage, renderNoHostPage } from "../../../scraper/web/host-page.js";
import { escapeHtml, html } from "../../../scraper/web/html.js";
import { renderLineChart } from "../../../scraper/web/line-chart.js";
import { PAGE_STYLE } from "../../../scraper/web/page-style.js";
import { alert, health, NOW_MS, row, view } from "./fleet-view.js";

const HOSTILE = `</td><script>alert("1")</script><img src=x onerror='x()'>&\u202Egnp.exe\u0007\u0000`;
const ESCAPED =
  "&lt;/td&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&lt;img src=x onerror=&#39;x()&#39;&gt;&amp;\uFFFDgnp.exe\uFFFD\uFFFD";

function hostView(changes: Partial<HostView> = {}): HostView {
  return {
    nowMs: NOW_MS,
    version: "0.1.0",
    instance: "10.0.0.7:8732",
    job: "pi",
    url: "http://10.0.0.7:8732/metrics",
    health: health(),
    charts: [],
    alerts: [],
    gaps: [],
    reading: reading({}),
    ...changes,
  };
}

function reading(metrics: Readonly<Record<string, readonly LabelledValue[]>>, timeMs = NOW_MS) {
  const series = (metric: string): readonly LabelledValue[] => metrics[metric] ?? [];
  return { timeMs, series, value: (metric: string) => series(metric)[0]?.value };
}

/** Tags as written by us; what hides in attributes or text was escaped. */
const tagsOf = (page: string): string[] => [
  ...new Set([...page.matchAll(/<([a-z][a-z0-9]*)/g)].map(([, tag = ""]) => tag)),
];

test("text is harmless in markup and in attributes; control and direction characters are replaced", () => {
  assert.equal(escapeHtml(HOSTILE), ESCAPED);
  assert.equal(
    html`<p title="${HOSTILE}">${[html`<b>${1}</b>`, html`${undefined}`]}</p>`.text,
    `<p title="${ESCAPED}"><b>1</b></p>`,
  );
});

for (const { name, text, length } of [
  { name: "long text is cut", text: "x".repeat(100_000), length: 200 },
  { name: "half a surrogate pair becomes a replacement character", text: "a\uD800b", length: 3 },
]) {
  test(`shown text is bounded and well-formed: ${name}`, () => {
    const shown = escapeHtml(text);
    assert.equal(shown.length, length);
    assert.equal(Buffer.from(shown).toString(), shown);
  });
}

test("hostile values of a target and of an alert stay text on the fleet page", () => {
  const rows = [
    row({
      hostname: HOSTILE,
      instance: HOSTILE,
      job: HOSTILE,
      health: health({ health: "down", lastError: HOSTILE }),
    }),
  ];
  const page = renderFleetPage(
    view({
      rows,
      alerts: [alert({ name: HOSTILE, summary: HOSTILE, instance: HOSTILE, severity: HOSTILE })],
    }),
  );
  assert.ok(!/<script|<img|onerror=[^&]*'x/.test(page));
  assert.ok(page.includes(ESCAPED));
});

test("hostile values stay text on a host page, and only web addresses become links", () => {
  const labels = {
    hostname: HOSTILE,
    model: HOSTILE,
    comm: HOSTILE,
    pid: HOSTILE,
    user: HOSTILE,
    mountpoint: HOSTILE,
    reason: HOSTILE,
  };
  const metrics = [
    "pihealth_system_info",
    "pihealth_top_process_cpu_ratio",
    "pihealth_malicious_process_cpu_ratio",
    "pihealth_filesystem_readonly",
    "pihealth_user_session_info",
    "pihealth_throttling",
  ];
  const page = renderHostPage(
    hostView({
      instance: HOSTILE,
      job: HOSTILE,
      url: "javascript:alert(1)",
      alerts: [alert({ name: HOSTILE })],
      reading: reading(
        Object.fromEntries(metrics.map((metric) => [metric, [{ labels, value: 1 }]])),
      ),
    }),
  );
  assert.ok(
    !tagsOf(page).includes("script") && !tagsOf(page).includes("img"),
    tagsOf(page).join(" "),
  );
  assert.ok(!page.includes("javascript:"));
  assert.ok(
    !renderNoHostPage({ instance: HOSTILE, version: "1", nowMs: NOW_MS }).includes("<script"),
  );
});

test("the worst targets come first, and the title counts the problems", () => {
  const rows = [
    row({ hostname: "fine", levels: {} }),
    row({ hostname: "gone", health: health({ health: "down" }) }),
    row({ hostname: "hot", levels: { cpu: 2 } }),
    row({ hostname: "warm", levels: { cpu: 1 } }),
  ];
  const page = renderFleetPage(view({ rows, alerts: [alert()] }));
  const order = ["gone", "hot", "warm", "fine"].map((name) => page.indexOf(`>${name}</a>`));
  assert.deepEqual(
    [...order].sort((left, right) => left - right),
    order,
  );
  assert.match(page, /<title>\(2\) pihealth<\/title>/);
});

test("a copied card is said on the page, with the remedy", () => {
  const clone = { endpoint: "10.0.0.9:8732", hostname: HOSTILE, holder: "10.0.0.7:8732" };
  const page = renderFleetPage(view({ clones: [clone] }));
  assert.match(page, /10\.0\.0\.9:8732 .* has the node id of 10\.0\.0\.7:8732: a copied card/s);
  assert.match(page, /delete the whole content of its state folder/);
  assert.ok(page.includes(ESCAPED));
});

test("alerts beyond the visible ones are folded, and none is lost", () => {
  const alerts = Array.from({ length: 30 }, (_, index) => alert({ name: `Alert${index}x` }));
  const page = renderFleetPage(view({ alerts }));
  assert.match(page, /<summary>18 more alerts<\/summary>/);
  for (const { name } of alerts) assert.ok(page.includes(name), name);
});

test("at most 500 targets are shown, and the page says how many more there are", () => {
  const page = renderFleetPage(view({ rows: Array.from({ length: 520 }, () => row()) }));
  assert.equal(page.split(">attic</a>").length - 1, 500);
  assert.match(page, /20 more rows/);
});

for (const { name, page, says } of [
  { name: "no target yet", page: renderFleetPage(view({ rows: [] })), says: "No target yet" },
  { name: "no alert", page: renderFleetPage(view()), says: "Nothing is wrong." },
  {
    name: "a value that is not a number",
    page: renderFleetPage(view({ rows: [row({ celsius: Number.NaN })] })),
    says: "not known",
  },
  {
    name: "a host never scraped",
    page: renderHostPage(
      hostView({ reading: undefined, health: health({ lastScrapeMs: undefined }) }),
    ),
    says: "not scraped yet",
  },
  {
    name: "a host long down",
    page: renderHostPage(hostView({ reading: reading({}, NOW_MS - 7_200_000) })),
    says: "Last known, 2h ago",
  },
]) {
  test(`a page shows: ${name}`, () => assert.ok(page.includes(says)));
}

test("a style or script contains only escaped text and numbers: pages have one style and no script", () => {
  const page = renderHostPage(hostView());
  assert.equal(page.split("<style>").length, 2);
  assert.ok(page.includes(`<style>${PAGE_STYLE}</style>`));
  assert.ok(!/ style="| on[a-z]+="/.test(page));
});

test("gaps are shown with their cause, the latest first, and a gap that lasts says so", () => {
  const gap = { host: "10.0.0.7", instance: "10.0.0.7:8732", job: "pi" };
  const page = renderHostPage(
    hostView({
      gaps: [
        {
          ...gap,
          fromMs: NOW_MS - 7_200_000,
          untilMs: NOW_MS - 3_600_000,
          cause: "node_off",
          state: "lost",
        },
        { ...gap, fromMs: NOW_MS - 300_000, untilMs: undefined, cause: "link_down", state: "open" },
      ],
    }),
  );
  const cells = [...page.slice(page.indexOf('id="gaps"')).matchAll(/<td>([^<]*)/g)].map(
    ([, text]) => text,
  );
  assert.deepEqual(cells, [
    "5m ago",
    "5m",
    "the Pi could not be reached",
    "goes on",
    "2h ago",
    "60m",
    "the Pi was off",
    "lost",
  ]);
});

test("a chart draws a line for each run of samples and a dot for a single sample; a gap stays open", () => {
  const minute = 60_000;
  const chart = renderLineChart({
    title: "Memory",
    fromMs: 0,
    toMs: 60 * minute,
    stepMs: minute,
    lowest: 0,
    highest: 1,
    format: (value) => `${100 * value} %`,
    timestamps: Float64Array.of(
      minute,
      2 * minute,
      3 * minute,
      20 * minute,
      21 * minute,
      40 * minute,
    ),
    values: Float64Array.of(0.5, Number.NaN, 0.25, 0.5, 0.5, 1),
  }).text;
  assert.equal(chart.match(/<path d=/g)?.length, 2);
  assert.equal(chart.match(/<circle/g)?.length, 1);
  assert.match(chart, /aria-label="Memory: 100 % at last, from 25 % to 100 %"/);
  assert.ok(!/NaN|Infinity/.test(chart));
});
