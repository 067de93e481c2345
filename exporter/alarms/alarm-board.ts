import type { Sampling } from "../sampling/sampling-loop.js";
import { Labels } from "../shared/model/labels.js";
import { counter, gauge, type MetricsSource, type Sample } from "../shared/model/metric.js";
import type { Logger } from "../shared/platform/logger.js";
import type { Alarm } from "../shared/protocol/pushed-alarm.js";
import { decidesAbout, findAlarms, type Finding } from "./alarm-rules.js";

export const ALARM_BOARD_METRICS = {
  active: gauge({
    name: "pihealth_alarms_active",
    help: "Active alarms of this machine.",
  }),
  raised: counter({
    name: "pihealth_alarms_raised_total",
    help: "Alarms raised since the exporter started.",
  }),
};

/** Takes changes of the board. Must not throw. */
export interface AlarmReceiver {
  raise(alarm: Alarm, collector: string): void;
  /** The alarm lasts, with a new description. */
  renew(alarm: Alarm): void;
  /** `alarm.endsAtMs` is set. */
  clear(alarm: Alarm): void;
}

interface AlarmBoardParts {
  readonly hostname: string;
  /** The `instance` label. A master replaces it with its own name for this target. */
  readonly instance: string;
  readonly receiver: AlarmReceiver;
  readonly log: Logger;
}

export interface ActiveAlarm {
  readonly alarm: Alarm;
  /** The collector whose next successful run decides whether the alarm lasts. */
  readonly collector: string;
}

/**
 * The active alarms. A sampling raises the alarms it shows and clears the other alarms of its
 * collector. A failed sampling, and one without the level of an alarm, changes nothing.
 */
export class AlarmBoard implements MetricsSource {
  readonly metrics = Object.values(ALARM_BOARD_METRICS);
  private readonly active = new Map<string, ActiveAlarm>();
  private raised = 0;

  /**
   * @param lasting alarms that were active when the exporter stopped; their collectors decide
   * whether they still are
   */
  constructor(
    private readonly parts: AlarmBoardParts,
    lasting: readonly ActiveAlarm[] = [],
  ) {
    for (const entry of lasting) this.active.set(keyOf(entry.alarm), entry);
  }

  receive({ collector, samples, ok, wallMs }: Sampling): void {
    if (!ok) return;
    const shown = new Set<string>();
    for (const finding of findAlarms(samples)) shown.add(this.show(finding, collector, wallMs));
    for (const [key, entry] of this.active) {
      if (entry.collector !== collector || shown.has(key)) continue;
      if (decidesAbout(entry.alarm.labels["alertname"], samples)) this.clear(key, entry, wallMs);
    }
  }

  /** Clears alarms of collectors that no longer run. */
  keepOnly(collectors: readonly string[], wallMs: number): void {
    for (const [key, entry] of this.active) {
      if (!collectors.includes(entry.collector)) this.clear(key, entry, wallMs);
    }
  }

  readMetrics(): Sample[] {
    return [
      ALARM_BOARD_METRICS.active.sample(this.active.size),
      ALARM_BOARD_METRICS.raised.sample(this.raised),
    ];
  }

  private show(finding: Finding, collector: string, wallMs: number): string {
    const labels = this.labelsOf(finding);
    const key = Labels.of(labels).key;
    const startsAtMs = this.active.get(key)?.alarm.startsAtMs ?? wallMs;
    const alarm = {
      labels,
      annotations: this.annotationsOf(finding, startsAtMs),
      startsAtMs,
      endsAtMs: undefined,
    };
    const isNew = !this.active.has(key);
    this.active.set(key, { alarm, collector });
    if (isNew) {
      this.raised++;
      this.parts.log.warn("Alarm", { alertname: finding.alertname, fact: finding.fact });
      this.parts.receiver.raise(alarm, collector);
    } else {
      this.parts.receiver.renew(alarm);
    }
    return key;
  }

  private clear(key: string, { alarm }: ActiveAlarm, wallMs: number): void {
    this.active.delete(key);
    this.parts.log.info("Alarm is over", { alertname: alarm.labels["alertname"] });
    this.parts.receiver.clear({ ...alarm, endsAtMs: Math.max(alarm.startsAtMs, wallMs) });
  }

  private labelsOf({ alertname, severity, family, labels }: Finding): Record<string, string> {
    const { hostname, instance } = this.parts;
    return { alertname, hostname, instance, family, severity, ...labels };
  }

  private annotationsOf({ fact, value }: Finding, startsAtMs: number): Record<string, string> {
    const since = new Date(startsAtMs).toISOString().replace(/\.\d+Z$/, "Z");
    const summary = `${this.parts.hostname}: ${fact}, since ${since}`;
    return value === undefined ? { summary } : { summary, value };
  }
}

function keyOf({ labels }: Alarm): string {
  return Labels.of(labels).key;
}
