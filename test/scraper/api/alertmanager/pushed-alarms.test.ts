import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTime } from "../../../../exporter/shared/model/human-lines.js";
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
  readonly startedMs = this.clock.wallMs() - 3_600_000;
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
  async push(
    endsInMs: number,
    { address = "10.0.0.7", name = "Hot", startedMs = this.startedMs } = {},
  ): Promise<void> {
    const labels = { alertname: name, severity: "warning", hostname: "pi4", instance: "pi4:8732" };
    const startsAt = new Date(startedMs).toISOString();
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

const line = (state: string, timeMs: number): string =>
  `pi4.lan: ${formatTime(timeMs)}  ${state}  Hot  warning  too hot`;

test("alarms.log of the target's folder says once when an alarm started and once when it ended", async () => {
  const bench = new Bench();
  await bench.push(60_000);
  await bench.clock.advance(30_000);
  await bench.push(60_000);
  await bench.push(-1000);
  await bench.push(-1000);
  const endedMs = bench.clock.wallMs() - 1000;
  assert.deepEqual(bench.lines, [line("firing", bench.startedMs), line("resolved", endedMs)]);
});

test("alarms that began and ended while the master was away are in the log with their own times", async () => {
  const bench = new Bench();
  const nowMs = bench.clock.wallMs();
  const [first, second] = [nowMs - 7_200_000, nowMs - 60_000];
  for (let repetition = 0; repetition < 2; repetition++) {
    await bench.push(-7_000_000, { startedMs: first });
    await bench.push(-30_000, { startedMs: second });
  }
  assert.deepEqual(bench.lines, [
    line("firing", first),
    line("resolved", nowMs - 7_000_000),
    line("firing", second),
    line("resolved", nowMs - 30_000),
  ]);
});

test("an alarm that a Pi stopped sending starts again when it returns", async () => {
  const bench = new Bench();
  await bench.push(60_000);
  await bench.clock.advance(120_000);
  await bench.push(60_000);
  assert.deepEqual(bench.lines, [
    line("firing", bench.startedMs),
    line("firing", bench.clock.wallMs()),
  ]);
});
