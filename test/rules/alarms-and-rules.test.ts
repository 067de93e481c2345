import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { findAlarms } from "../../exporter/alarms/alarm-rules.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import { gauge, type Sample } from "../../exporter/shared/model/metric.js";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import { type Alarm, encodeAlarms } from "../../exporter/shared/protocol/pushed-alarm.js";
import type { Alert } from "../../scraper/alerting/alerts/alert.js";
import { PushedAlarms } from "../../scraper/api/alertmanager/pushed-alarms.js";
import { parseExpression } from "../../scraper/promql/language/parser.js";
import { QueryEngine } from "../../scraper/promql/query/query-engine.js";
import { AlertExpander } from "../../scraper/rule-engine/rules/alert-expansion.js";
import { GroupEvaluator } from "../../scraper/rule-engine/evaluation/group-evaluator.js";
import { loadRuleFiles } from "../../scraper/rule-engine/rules/load-rule-files.js";
import { MemorySeries } from "../../scraper/rule-engine/rule-tests/memory-series.js";
import { FakeClock } from "../support/fake-clock.js";
import { REPOSITORY } from "../support/repository.js";

/**
 * One fact, one mail: a pushed alarm and the alert of the shipped rule for the same samples must
 * have equal labels, so that the dispatcher has one alert.
 */
const MINUTE_MS = 60_000;
const TARGET = Labels.of({ instance: "192.168.1.10:8732", job: "pi", room: "cellar" });
const EXTERNAL = Labels.of({ site: "home" });
const PROCESS = { pid: "77", comm: 'bu"rn\n<b>', name: 'bu"rn\n<b>', user: "eve" };

function sample(name: string, value: number, labels: Record<string, string> = {}): Sample {
  return gauge({ name, help: "x", labels: Object.keys(labels) }).sample(value, labels);
}

const MOUNT = { device: "/dev/mmcblk0p2", mountpoint: "/", fstype: "ext4" };
const BOOT = { device: "/dev/mmcblk0p1", mountpoint: "/boot", fstype: "vfat" };

/** One successful run of each collector, with every problem present. */
const RUNS: readonly (readonly Sample[])[] = [
  [
    sample("pihealth_memory_used_ratio", 0.91),
    sample("pihealth_memory_used_ratio_average", 0.7),
    sample("pihealth_alarm_level", 2, { family: "memory" }),
  ],
  [
    sample("pihealth_cpu_temperature_celsius", 71.25),
    sample("pihealth_alarm_level", 2, { family: "cpu" }),
  ],
  [
    sample("pihealth_disk_used_ratio", 0.9, { disk: "mmcblk0" }),
    sample("pihealth_filesystem_used_ratio", 0.95, MOUNT),
    sample("pihealth_filesystem_used_ratio", 0.2, BOOT),
    sample("pihealth_alarm_level", 2, { family: "disk" }),
  ],
  [
    sample("pihealth_throttling", 1, { reason: "under_voltage" }),
    sample("pihealth_throttling", 0, { reason: "throttled" }),
  ],
  [
    sample("pihealth_malicious_process_cpu_ratio", 0.3, PROCESS), // Malicious because of its memory.
    sample("pihealth_malicious_process_memory_ratio", 0.62, PROCESS),
  ],
];

const PUSHED_NAMES = [
  "PihealthCpuWarning",
  "PihealthDiskWarning",
  "PihealthMaliciousProcess",
  "PihealthMemoryWarning",
  "PihealthUnderVoltage",
];

/** The body that an exporter posts. The exporter does not know its own address. */
function pushedBody(clock: FakeClock): string {
  const alarms = RUNS.flatMap((samples) => findAlarms(samples)).map(
    ({ alertname, severity, family, labels, fact, value = "" }): Alarm => ({
      labels: { alertname, hostname: "pi4", instance: "pi4:8732", family, severity, ...labels },
      annotations: { summary: fact, value },
      startsAtMs: clock.wallMs(),
      endsAtMs: undefined,
    }),
  );
  return encodeAlarms(alarms, clock.wallMs() + 10 * MINUTE_MS);
}

async function pushedAlerts(): Promise<Alert[]> {
  const clock = new FakeClock();
  const received: Alert[] = [];
  const alarms = new PushedAlarms({
    clock,
    dispatcher: {
      resolveTimeoutMs: 5 * MINUTE_MS,
      alerts: () => [],
      receive: async (alerts) => {
        received.push(...alerts);
        return { accepted: alerts.length, rejected: {} };
      },
    },
    targetAt: () => ({ host: "192.168.1.10", labels: TARGET }),
    externalLabels: EXTERNAL,
    writeLine: async () => undefined,
  });
  await alarms.receive(pushedBody(clock), "192.168.1.10");
  return received;
}

/** Alerts of the shipped rules after 20 minutes of these samples. */
async function ruleAlerts(): Promise<Alert[]> {
  const storage = new MemorySeries();
  for (let timeMs = 0; timeMs <= 20 * MINUTE_MS; timeMs += MINUTE_MS) {
    for (const { metric, labels, value } of RUNS.flat()) {
      storage.add(
        Labels.of({ __name__: metric.name, ...labels, ...TARGET.toObject() }),
        timeMs,
        value,
      );
    }
  }
  const clock = new FakeClock();
  const surroundings = { externalLabels: EXTERNAL, externalUrl: "" };
  const expander = new AlertExpander(surroundings);
  const folder = path.join(REPOSITORY, "rules");
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".yml"))
    .map((name) => path.join(folder, name));
  const groups = await loadRuleFiles(files, realFiles, {
    defaultIntervalMs: MINUTE_MS,
    defaultQueryOffsetMs: 0,
    checkExpression: parseExpression,
    expander,
  });
  const sent: Alert[] = [];
  const evaluators = groups.map(
    (group) =>
      new GroupEvaluator(group, {
        ...surroundings,
        expander,
        clock,
        queries: new QueryEngine({ querier: storage, clock }),
        writer: storage,
        onAlerts: (alerts) => sent.push(...alerts),
        resendDelayMs: MINUTE_MS,
        onAlertStatesChanged: () => undefined,
        isTargetSilent: () => false,
        missingData: "resolve",
      }),
  );
  for (let timeMs = 0; timeMs <= 20 * MINUTE_MS; timeMs += MINUTE_MS) {
    for (const evaluator of evaluators) await evaluator.evaluateAt(timeMs);
  }
  return sent;
}

const labelSets = (alerts: readonly Alert[]): string[] =>
  [...new Set(alerts.map(({ labels }) => labels.toString()))].sort();

test("a pushed alarm and the shipped rule about the same fact are one alert", async () => {
  const pushed = await pushedAlerts();
  const names = [...new Set(pushed.map(({ labels }) => labels.get("alertname")))].sort();
  assert.deepEqual(names, PUSHED_NAMES);
  const ofRules = (await ruleAlerts()).filter(({ labels }) =>
    PUSHED_NAMES.includes(labels.get("alertname")),
  );
  assert.deepEqual(labelSets(pushed), labelSets(ofRules));
});

test("both contain the value, if there is one", async () => {
  for (const alerts of [await pushedAlerts(), await ruleAlerts()]) {
    for (const { labels, annotations } of alerts) {
      const name = labels.get("alertname");
      if (!PUSHED_NAMES.includes(name) || name === "PihealthUnderVoltage") continue;
      assert.match(annotations.get("value"), /^\d+(\.\d+)?( ?%| °C)/, name);
      assert.notEqual(annotations.get("summary"), "", name);
    }
  }
});
