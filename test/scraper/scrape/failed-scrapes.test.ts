import assert from "node:assert/strict";
import { test } from "node:test";
import type { ScrapeSettings } from "../../../scraper/fleet/target.js";
import { compileRelabeling } from "../../../scraper/fleet/relabeling.js";
import { parseRelabelConfigs } from "../../../scraper/fleet/relabel-config.js";
import { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import {
  HttpError,
  type HttpResponse,
} from "../../../exporter/shared/platform/http/http-client.js";
import { createFixture, INTERVAL_MS, settings, target } from "./scrape-fixture.js";

const TEN = Array.from({ length: 10 }, (_, index) => `m{i="${index}"} ${index}\n`).join("");
const dropping = compileRelabeling(
  parseRelabelConfigs(
    ConfigSection.parse('a: [{source_labels: [i], regex: "[0-2]", action: drop}]', "a.yml"),
    "a",
  ),
);
const openMetrics = (text: string): Partial<HttpResponse> => ({
  headers: { "content-type": "application/openmetrics-text; version=1.0.0" },
  body: Buffer.from(text),
});

/** Measured beside Prometheus 3.5.3. */
const CASES: readonly {
  readonly name: string;
  readonly body: string | Buffer | Error | Partial<HttpResponse>;
  readonly changes?: Partial<ScrapeSettings>;
  readonly scraped: number;
  readonly kept: number;
}[] = [
  { name: "sample_limit", body: TEN, changes: { sampleLimit: 5 }, scraped: 10, kept: 10 },
  {
    name: "sample_limit after relabelling",
    body: TEN,
    changes: { sampleLimit: 5, metricRelabeling: dropping },
    scraped: 10,
    kept: 7,
  },
  {
    name: "label_limit",
    body: 'a 1\nb{x="1"} 2\nc{x="1",y="2",z="3",w="4",v="5"} 3\nd 4\n',
    changes: { labelLimit: 4 },
    scraped: 3,
    kept: 2,
  },
  {
    name: "label_name_length_limit",
    body: `a 1\nb{${"x".repeat(30)}="1"} 2\nd 4\n`,
    changes: { labelNameLengthLimit: 20 },
    scraped: 2,
    kept: 1,
  },
  {
    name: "label_value_length_limit",
    body: `a 1\nb{x="${"a".repeat(50)}"} 2\nd 4\n`,
    changes: { labelValueLengthLimit: 40 },
    scraped: 2,
    kept: 1,
  },
  { name: "a line that does not parse", body: "a 1\nb 2\nc three\nd 4\n", scraped: 2, kept: 2 },
  { name: "a number too large", body: "a 1\nb 1e400\nc 3\n", scraped: 1, kept: 1 },
  { name: "a hexadecimal number", body: "a 0x1p-2\nb 2\n", scraped: 0, kept: 0 },
  { name: "a bad timestamp", body: "a 1 1000\nb 2 1000.5\n", scraped: 1, kept: 1 },
  { name: "a label twice", body: 'a{x="1",x="2"} 1\nb 2\n', scraped: 1, kept: 0 },
  {
    name: "bytes that are not UTF-8",
    body: Buffer.concat([Buffer.from('a{x="'), Buffer.of(255), Buffer.from('"} 1\nb 2\n')]),
    scraped: 0,
    kept: 0,
  },
  { name: "OpenMetrics without its end", body: openMetrics("a 1\n"), scraped: 1, kept: 1 },
  {
    name: "text after the end of OpenMetrics",
    body: openMetrics("a 1\n# EOF\nb 2\n"),
    scraped: 1,
    kept: 1,
  },
  { name: "a status", body: { status: 500, body: Buffer.from("a 1\n") }, scraped: 0, kept: 0 },
  {
    name: "body_size_limit",
    body: new HttpError("too_large", "too large"),
    changes: { bodySizeLimitBytes: 10 },
    scraped: 0,
    kept: 0,
  },
  { name: "a timeout", body: new HttpError("timeout", "late"), scraped: 0, kept: 0 },
];

for (const { name, body, changes = {}, scraped, kept } of CASES) {
  test(`A failed scrape reports its samples as Prometheus does: ${name}`, async () => {
    const { clock, manager, writer } = createFixture({ answer: () => body });
    manager.sync([target("10.0.0.7", settings(changes))]);
    await clock.advance(INTERVAL_MS);
    await manager.stop();
    const [row] = writer.table().rows;
    const [up, , samplesScraped, samplesKept, seriesAdded] = row?.values ?? [];
    assert.deepEqual(
      { up, samplesScraped, samplesKept, seriesAdded },
      { up: 0, samplesScraped: scraped, samplesKept: kept, seriesAdded: 0 },
    );
  });
}

test("fallback_scrape_protocol chooses the format of a body whose content type says none", async () => {
  for (const [contentType, fallbackFormat, up] of [
    [undefined, "openmetrics", 1],
    ["application/octet-stream", "openmetrics", 1],
    ["text/plain", "openmetrics", 1],
    [undefined, "text", 1],
    [undefined, undefined, 1],
  ] as const) {
    const isOpenMetrics = fallbackFormat === "openmetrics" && contentType !== "text/plain";
    const { clock, manager, writer } = createFixture({
      answer: () => ({
        headers: contentType === undefined ? {} : { "content-type": contentType },
        body: Buffer.from(isOpenMetrics ? "# TYPE a info\na_info 1\n# EOF\n" : "a  1\n"),
      }),
    });
    manager.sync([target("10.0.0.7", settings({ fallbackFormat }))]);
    await clock.advance(INTERVAL_MS);
    await manager.stop();
    assert.equal(writer.table().rows[0]?.values[0], up, `${contentType} ${fallbackFormat}`);
  }
});
