import assert from "node:assert/strict";
import { test } from "node:test";
import { AlarmBoard } from "../../../exporter/alarms/alarm-board.js";
import { COLLECTORS } from "../../../exporter/collectors/registry.js";
import { DEFAULT_COLLECTOR_SETTINGS } from "../../../exporter/collectors/collector-settings.js";
import type { Sampling } from "../../../exporter/sampling/sampling-loop.js";
import { itemAt } from "../../../exporter/shared/model/get-or-throw.js";
import { gauge, type Sample } from "../../../exporter/shared/model/metric.js";
import { realFiles } from "../../../exporter/shared/platform/real-files.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import type { Alarm } from "../../../exporter/shared/protocol/pushed-alarm.js";
import { createSources } from "../../../exporter/sources/sources.js";
import { FakeClock } from "../../support/fake-clock.js";

const START_MS = Date.UTC(2026, 0, 12, 15, 0, 28);

function sample(name: string, value: number, labels: Record<string, string> = {}): Sample {
  return gauge({ name, help: "x", labels: Object.keys(labels) }).sample(value, labels);
}
const level = (family: string, value: number): Sample =>
  sample("pihealth_alarm_level", value, { family });

function setUp(lasting: ConstructorParameters<typeof AlarmBoard>[1] = []) {
  const events: string[] = [];
  const alarms: Alarm[] = [];
  const note =
    (sign: string) =>
    (alarm: Alarm): void => {
      events.push(`${sign}${alarm.labels["alertname"]}`);
      alarms.push(alarm);
    };
  const receiver = { raise: note("+"), renew: note("="), clear: note("-") };
  const board = new AlarmBoard(
    { hostname: "pi4", instance: "pi4:8732", receiver, log: silentLogger },
    lasting,
  );
  const receive = (samples: readonly Sample[], change: Partial<Sampling> = {}): void =>
    board.receive({
      collector: "memory",
      family: "memory",
      wallMs: START_MS,
      monotonicMs: 0,
      samples,
      ok: true,
      error: undefined,
      durationMs: 1,
      ...change,
    });
  return { board, receive, events, alarms };
}

for (const { name, samples, alertname, labels, summary } of [
  {
    name: "memory at the warning level",
    samples: [level("memory", 2), sample("pihealth_memory_used_ratio", 0.853)],
    alertname: "PihealthMemoryWarning",
    labels: { family: "memory" },
    summary: "pi4: memory is 85.3% used",
  },
  {
    name: "the processor at the warning level",
    samples: [sample("pihealth_cpu_temperature_celsius", 71.25), level("cpu", 2)],
    alertname: "PihealthCpuWarning",
    labels: { family: "cpu" },
    summary: "pi4: the processor is at 71.3 °C",
  },
  {
    name: "the fullest of several file systems",
    samples: [
      level("disk", 2),
      sample("pihealth_disk_used_ratio", 0.5, { disk: "sda" }),
      sample("pihealth_filesystem_used_ratio", 0.2, { mountpoint: "/boot" }),
      sample("pihealth_filesystem_used_ratio", 0.95, { mountpoint: "/" }),
    ],
    alertname: "PihealthDiskWarning",
    labels: { family: "disk" },
    summary: "pi4: / is 95.0% full",
  },
  {
    name: "a full file system that is read-only is not the one",
    samples: [
      level("disk", 2),
      sample("pihealth_filesystem_used_ratio", 1, { mountpoint: "/media/cdrom" }),
      sample("pihealth_filesystem_readonly", 1, { mountpoint: "/media/cdrom" }),
      sample("pihealth_filesystem_used_ratio", 0.93, { mountpoint: "/" }),
      sample("pihealth_filesystem_readonly", 0, { mountpoint: "/" }),
    ],
    alertname: "PihealthDiskWarning",
    labels: { family: "disk" },
    summary: "pi4: / is 93.0% full",
  },
  {
    name: "a level without its value",
    samples: [level("memory", 2)],
    alertname: "PihealthMemoryWarning",
    labels: {},
    summary: "pi4: memory is at the warning level",
  },
  {
    name: "under-voltage",
    samples: [sample("pihealth_throttling", 1, { reason: "under_voltage" })],
    alertname: "PihealthUnderVoltage",
    labels: { family: "system" },
    summary: "pi4: the supply voltage is too low",
  },
  {
    name: "a malicious process, told once with both its shares",
    samples: [
      sample("pihealth_malicious_process_cpu_ratio", 0.993, {
        pid: "77",
        comm: "python3",
        name: "python3 burn.py",
        user: "eve",
      }),
      sample("pihealth_malicious_process_memory_ratio", 0.5, {
        pid: "77",
        comm: "python3",
        name: "python3 burn.py",
        user: "eve",
      }),
    ],
    alertname: "PihealthMaliciousProcess",
    labels: {
      ...{ pid: "77", comm: "python3", name: "python3 burn.py", user: "eve" },
      ...{ family: "processes", severity: "info" },
    },
    summary:
      "pi4: process python3 burn.py (pid 77, user eve) uses 99.3% of one CPU and 50.0% of memory",
  },
]) {
  test(`alarm: ${name}`, () => {
    const { receive, events, alarms } = setUp();
    receive(samples);
    assert.deepEqual(events, [`+${alertname}`]);
    const [alarm] = alarms;
    const always = { alertname, hostname: "pi4", instance: "pi4:8732", severity: "warning" };
    assert.deepEqual({ ...alarm?.labels, ...always, ...labels }, alarm?.labels);
    assert.equal(alarm?.annotations["summary"], `${summary}, since 2026-01-12T15:00:28Z`);
    assert.equal(alarm?.startsAtMs, START_MS);
  });
}

test("levels below warning, and reasons other than under-voltage, are no alarms", () => {
  const { receive, events } = setUp();
  receive([
    level("memory", 1),
    level("unheard", 2),
    sample("pihealth_throttling", 1, { reason: "throttled" }),
  ]);
  receive([sample("pihealth_throttling", 0, { reason: "under_voltage" })]);
  assert.deepEqual(events, []);
});

test("an alarm is raised once, renewed with its start time while it lasts, and cleared by its collector", () => {
  const { receive, events, alarms } = setUp();
  receive([level("memory", 2)]);
  receive([level("memory", 2)], { wallMs: START_MS + 5000 });
  receive([level("memory", 1)], { wallMs: START_MS + 10_000 });
  receive([level("memory", 1)], { wallMs: START_MS + 15_000 });
  assert.deepEqual(events, [
    "+PihealthMemoryWarning",
    "=PihealthMemoryWarning",
    "-PihealthMemoryWarning",
  ]);
  assert.deepEqual(
    alarms.map(({ startsAtMs }) => startsAtMs),
    [START_MS, START_MS, START_MS],
  );
  assert.equal(alarms.at(-1)?.endsAtMs, START_MS + 10_000);
});

test("a failed sampling neither raises nor clears alarms, and other collectors clear none", () => {
  const { receive, events } = setUp();
  receive([level("memory", 2)]);
  receive([], { ok: false, error: new Error("broken") });
  receive([level("memory", 2)], { ok: false });
  receive([], { collector: "cpu" });
  assert.deepEqual(events, ["+PihealthMemoryWarning"]);
});

test("an alarm from before a restart keeps its start time if it lasts, and is cleared if it does not", () => {
  const before = setUp();
  before.receive([level("memory", 2)]);
  const lasting = [{ alarm: itemAt(before.alarms, 0), collector: "memory" }];
  const still = setUp(lasting);
  still.receive([level("memory", 2)], { wallMs: START_MS + 60_000 });
  assert.deepEqual(still.events, ["=PihealthMemoryWarning"]);
  assert.equal(still.alarms[0]?.startsAtMs, START_MS);
  const gone = setUp(lasting);
  gone.receive([level("memory", 0)], { wallMs: START_MS + 60_000 });
  assert.deepEqual(gone.events, ["-PihealthMemoryWarning"]);
  const disabled = setUp(lasting);
  disabled.board.keepOnly(["cpu"], START_MS + 60_000);
  assert.deepEqual(disabled.events, ["-PihealthMemoryWarning"]);
});

test("a reading without the level of an alarm neither ends nor raises it", () => {
  const { receive, events } = setUp();
  receive([level("disk", 2), sample("pihealth_disk_size_bytes", 1, { disk: "sda" })]);
  receive([sample("pihealth_disk_size_bytes", 1, { disk: "sda" })]);
  assert.deepEqual(events, ["+PihealthDiskWarning"]);
  receive([level("disk", 0), sample("pihealth_disk_size_bytes", 1, { disk: "sda" })]);
  assert.deepEqual(events, ["+PihealthDiskWarning", "-PihealthDiskWarning"]);
});

test("at most a hundred alarms of one sampling are raised", () => {
  const { receive, events } = setUp();
  receive(
    Array.from({ length: 500 }, (_, pid) =>
      sample("pihealth_malicious_process_cpu_ratio", 1, {
        pid: String(pid),
        comm: "fork",
        user: "eve",
      }),
    ),
  );
  assert.equal(events.length, 100);
});

test("every metric that the alarm rules use is offered by a collector", () => {
  const sources = createSources({ clock: new FakeClock(), files: realFiles });
  const offered = COLLECTORS.flatMap(({ create }) =>
    create(sources, DEFAULT_COLLECTOR_SETTINGS).metrics.map(({ name }) => name),
  );
  for (const name of [
    "pihealth_alarm_level",
    "pihealth_throttling",
    "pihealth_memory_used_ratio",
    "pihealth_cpu_temperature_celsius",
    "pihealth_disk_used_ratio",
    "pihealth_filesystem_used_ratio",
    "pihealth_malicious_process_cpu_ratio",
    "pihealth_malicious_process_memory_ratio",
  ]) {
    assert.ok(offered.includes(name), `${name} is offered`);
  }
});
