import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../exporter/shared/model/labels.js";
import {
  createHttpAgent,
  type HttpRequest,
} from "../../../exporter/shared/platform/http/http-client.js";
import { DEFAULT_SCRAPE_SETTINGS, type Target } from "../../../scraper/fleet/target.js";
import { requestBody, ScrapeHeaders } from "../../../scraper/scrape/scrape-request.js";
import { FakeClock } from "../../support/fake-clock.js";

for (const { name, from = "http://10.0.0.7:8732/metrics", to, keeps } of [
  { name: "another path", to: "/other", keeps: true },
  { name: "another port of the host", to: "http://10.0.0.7:9999/metrics", keeps: false },
  { name: "https", to: "https://10.0.0.7:8732/metrics", keeps: false },
  {
    name: "http after https",
    from: "https://10.0.0.7:8732/metrics",
    to: "http://10.0.0.7:8732/metrics",
    keeps: false,
  },
]) {
  test(`A redirect to ${name} ${keeps ? "keeps" : "does not carry"} credentials`, async () => {
    const headers = { Authorization: "Bearer s3cret", "X-Key": "k3y" };
    const settings = { ...DEFAULT_SCRAPE_SETTINGS, headers };
    const labels = Labels.of({});
    const place = { id: "1", url: from, host: "10.0.0.7", port: 8732 };
    const target: Target = { ...place, labels, discoveredLabels: labels, settings };
    const sent: HttpRequest[] = [];
    const agent = createHttpAgent({ maxSockets: 1, tls: { cert: "certificate", key: "key" } });
    await requestBody({
      target,
      headers: new ScrapeHeaders("test").of(settings),
      clock: new FakeClock(0),
      signal: new AbortController().signal,
      agent,
      sendHttp: async (request) => {
        sent.push(request);
        const isFirst = sent.length === 1;
        const answer = isFirst ? { location: to } : { "content-type": "text/plain" };
        return { status: isFirst ? 302 : 200, headers: answer, body: Buffer.from("a 1\n") };
      },
    });
    const presents = sent.map((request) => request.agent?.https.options.cert !== undefined);
    assert.deepEqual(presents, [true, keeps], "the client certificate is for the target only");
    const text = JSON.stringify(sent[1]?.headers);
    assert.equal(text.includes("s3cret") && text.includes("k3y"), keeps, text);
    assert.equal(text.includes("s3cret") || text.includes("k3y"), keeps, text);
    assert.match(text, /X-Prometheus-Scrape-Timeout-Seconds/);
  });
}
