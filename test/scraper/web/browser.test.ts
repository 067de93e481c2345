import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { type Browser, chromium, type Page } from "playwright-core";
import { ChildProgram, waitFor } from "../../support/child-program.js";
import { freePort, listenOnFreePort } from "../../support/loopback-servers.js";

/** The real pages of a real scraper that watches a Pi with a hostile name and a target that is down, in a browser. */
const HOSTILE_NAME = `<script>document.title='taken'</script>`;
const BODY = `pihealth_system_info{hostname="${HOSTILE_NAME}",os="Debian",kernel="6.12",model="Raspberry Pi 4"} 1
pihealth_memory_total_bytes 4294967296
pihealth_memory_used_ratio 0.42
pihealth_cpu_usage_ratio 0.07
pihealth_alarm_level{family="memory"} 2
`;
const folder = mkdtempSync(path.join(tmpdir(), "pihealth-web-"));
let pi: Server;
let scraper: ChildProgram;
let browser: Browser;
let url = "";
let instance = "";
const blocked: string[] = [];

before(async () => {
  pi = createServer((_request, response) => {
    response.setHeader("Content-Type", "text/plain; version=0.0.4");
    response.end(BODY);
  });
  instance = `127.0.0.1:${await listenOnFreePort(pi)}`;
  const [port, deadPort] = [await freePort(), await freePort()];
  url = `http://127.0.0.1:${port}`;
  writeFileSync(
    path.join(folder, "pihealthd.yml"),
    `
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs: [{ job_name: pi, static_configs: [{ targets: ["${instance}", "127.0.0.1:${deadPort}"] }] }]
storage: { path: ${folder}/data }
`,
  );
  scraper = ChildProgram.ofOurs("scraper/program/main.js", [
    `--config=${folder}/pihealthd.yml`,
    `--listen-address=127.0.0.1:${port}`,
  ]);
  browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--disable-background-networking",
      "--disable-component-update",
    ],
  });
});

after(async () => {
  await browser?.close();
  await scraper?.stop("SIGKILL");
  pi.close();
  pi.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
});

async function open(pathname: string): Promise<Page> {
  const page = await browser.newPage();
  page.on("console", (message) => blocked.push(message.text()));
  await page.goto(url + pathname);
  return page;
}

const cellsOf = (page: Page): Promise<string[]> =>
  page.locator("section:last-of-type tbody tr").allInnerTexts();

test("the page at / shows the Pi with its values, and the target that is down comes first", async () => {
  const rows = await waitFor(
    "both targets scraped",
    async () => {
      const page = await open("/");
      const cells = await cellsOf(page);
      await page.close();
      return cells.length === 2 &&
        cells.some((text) => text.includes("42 %")) &&
        cells.some((text) => text.includes("down"))
        ? cells
        : undefined;
    },
    { describe: () => scraper.text },
  );
  assert.match(rows[0] ?? "", /^down/);
  assert.match(rows[1] ?? "", /^warning/);
  assert.ok(rows[1]?.includes(HOSTILE_NAME), rows[1]);
});

test("the page of a host is one click away and shows the values of its families", async () => {
  const page = await open("/");
  await page.getByRole("link", { name: HOSTILE_NAME }).click();
  assert.equal(new URL(page.url()).pathname, `/host/${encodeURIComponent(instance)}`);
  assert.ok((await page.getByRole("heading", { level: 1 }).innerText()).includes(HOSTILE_NAME));
  const memory = page.locator(".card", {
    has: page.getByRole("heading", { name: "Memory", exact: true }),
  });
  assert.match(await memory.innerText(), /Total\s+4\.000GiB[\s\S]*Used\s+42\.0%/);
  assert.match(
    (await page.getByRole("img", { name: /Memory used/ }).getAttribute("aria-label")) ?? "",
    /42 % at last/,
  );
  assert.ok((await page.title()).includes("pihealth"));
  await page.close();
});

test("an unknown host has its own page with status 404", async () => {
  const page = await browser.newPage();
  const response = await page.goto(`${url}/host/${encodeURIComponent("<b>x</b>/..")}`);
  assert.equal(response?.status(), 404);
  assert.ok((await page.locator("main").innerText()).includes("<b>x</b>/.."));
  await page.close();
});

test("pages send headers that allow only our own style, and nothing was blocked", async () => {
  const response = await fetch(`${url}/`);
  assert.match(
    response.headers.get("content-security-policy") ?? "",
    /^default-src 'none'; style-src 'sha256-/,
  );
  assert.equal(response.headers.get("x-content-type-options"), "nosniff");
  assert.deepEqual(blocked, []);
});
