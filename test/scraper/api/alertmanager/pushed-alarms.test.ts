import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../../../exporter/shared/model/labels.js";
import type { Alert } from "../../../../scraper/alerting/alerts/alert.js";
import { PushedAlarms } from "../../../../scraper/api/alertmanager/pushed-alarms.js";
import { FakeClock } from "../../../support/fake-clock.js";

const TARGET = {
  host: "pi4.lan",
  labels: Labels.of({ instance: "pi4.lan:8732", job: "pi", hostname: "four" }),
};

class Bench {
  readonly clock = new FakeClock();
  readonly lines: string[] = [];
  received: readonly Alert[] = [];
  readonly alarms = new PushedAlarms({
    clock: this.clock,
    dispatcher: {
      resolveTimeoutMs: 300_000,
      alerts: () => [],
      receive: async (alerts) => {
        this.received = alerts;
        return { accepted: alerts.length, rejected: {} };
      },
    },
    targetAt: (address, port) => (address === "10.0.0.7" && port === 8732 ? TARGET : undefined),
    externalLabels: Labels.of({ site: "home", job: "external" }),
    writeLine: async (host, line) => void this.lines.push(`${host}: ${line}`),
  });

  /** @param endsInMs relative to now, negative for one that is over */
  async push(endsInMs: number, { address = "10.0.0.7", name = "Hot" } = {}): Promise<void> {
    const labels = { alertname: name, severity: "warning", hostname: "pi4", instance: "pi4:8732" };
    const startsAt = new Date(this.clock.wallMs() - 3_600_000).toISOString();
    const endsAt = new Date(this.clock.wallMs() + endsInMs).toISOString();
    const body = JSON.stringify([
      { labels, annotations: { summary: "too hot" }, startsAt, endsAt },
    ]);
    await this.alarms.receive(body, address);
  }
}

test("an alarm of a target gets the labels of the target, and external labels where it has none", async () => {
  const bench = new Bench();
  await bench.push(60_000);
  assert.deepEqual(bench.received[0]?.labels.toObject(), {
    alertname: "Hot",
    hostname: "four",
    instance: "pi4.lan:8732",
    job: "pi",
    severity: "warning",
    site: "home",
  });
});

test("an alert of another sender does not change", async () => {
  const bench = new Bench();
  await bench.push(60_000, { address: "10.0.0.8" });
  assert.deepEqual(bench.received[0]?.labels.toObject(), {
    alertname: "Hot",
    hostname: "pi4",
    instance: "pi4:8732",
    severity: "warning",
  });
});

test("alarms.log of the target's folder says once that an alarm started and once that it ended", async () => {
  const bench = new Bench();
  await bench.push(60_000);
  await bench.clock.advance(30_000);
  await bench.push(60_000);
  await bench.push(-1000);
  await bench.push(-1000);
  const states = bench.lines.map((line) => line.replace(/\d{4}-\d\d-\d\d__\d\d:\d\d:\d\d/, "TIME"));
  assert.deepEqual(states, [
    "pi4.lan: TIME  firing  Hot  warning  too hot",
    "pi4.lan: TIME  resolved  Hot  warning  too hot",
  ]);
});

test("an alarm that a Pi stopped sending starts again when it returns", async () => {
  const bench = new Bench();
  await bench.push(60_000);
  await bench.clock.advance(120_000);
  await bench.push(60_000);
  assert.equal(bench.lines.length, 2);
});
