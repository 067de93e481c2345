import { Labels, METRIC_NAME } from "../../../../exporter/shared/model/labels.js";
import { silentLogger } from "../../../../exporter/shared/platform/logger.js";
import type { OutageSummary } from "../../../../scraper/alerting/alerts/past-alert.js";
import { parseExpression } from "../../../../scraper/promql/language/parser.js";
import { QueryEngine } from "../../../../scraper/promql/query/query-engine.js";
import { AlertExpander } from "../../../../scraper/rule-engine/rules/alert-expansion.js";
import { AlertHistory } from "../../../../scraper/rule-engine/evaluation/alert-history.js";
import type { TargetGap } from "../../../../scraper/rule-engine/replay/filled-ranges.js";
import { MemorySeries } from "../../../../scraper/rule-engine/rule-tests/memory-series.js";
import {
  Recovery,
  type RecoverySettings,
} from "../../../../scraper/rule-engine/replay/recovery.js";
import { RuleEngine } from "../../../../scraper/rule-engine/evaluation/rule-engine.js";
import type { RuleGroup } from "../../../../scraper/rule-engine/rules/rule-group.js";
import type { Alert } from "../../../../scraper/alerting/alerts/alert.js";
import { FakeClock } from "../../../support/fake-clock.js";
import { MemoryFiles } from "../../../support/memory-files.js";
import { parseRules } from "../evaluation/rule-bench.js";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
const EXTERNAL = Labels.of({ site: "attic" });
const SETTINGS: RecoverySettings = {
  waitMs: 2 * MINUTE_MS,
  maxWaitMs: 30 * MINUTE_MS,
  maxAgeMs: 8 * 24 * HOUR_MS,
};

/** A value of one host over time: `[minute, value]` from that minute on. */
export type Course = readonly (readonly [minute: number, value: number])[];

/**
 * A master with its rules beside hosts that record a value every minute. What is scraped is stored at once; what is
 * not, when it is filled. Times are minutes since the start.
 */
export class RecoveryBench {
  /** What was sent, each once: `Hot a 15` with the minute it fired, `Hot a 15 ended`. */
  readonly sent = new Set<string>();
  readonly summaries: OutageSummary[] = [];
  readonly gaps: TargetGap[] = [];
  engine!: RuleEngine;
  history!: AlertHistory;
  recovery!: Recovery;
  private readonly courses = new Map<string, Course>();
  /** Hosts that are not scraped. */
  private readonly away = new Set<string>();
  /** Hosts whose series have got their staleness marker. */
  private readonly ended = new Set<string>();
  isMasterUp = false;
  /** What the master does from now on nobody sees. */
  isDead = false;
  /** Whether hosts whose history arrives were not known before. */
  areNew = false;
  settings = SETTINGS;

  constructor(
    readonly rules: string,
    readonly clock = new FakeClock(0),
    readonly storage = new MemorySeries(),
    public files = new MemoryFiles(),
  ) {}

  get minute(): number {
    return this.clock.wallMs() / MINUTE_MS;
  }

  host(instance: string, course: Course): void {
    this.courses.set(instance, course);
  }

  async startMaster(): Promise<void> {
    const { clock, files, storage } = this;
    const queries = new QueryEngine({ querier: storage, clock });
    const common = {
      queries,
      clock,
      writer: storage,
      log: silentLogger,
      externalUrl: "http://pi:8730",
    };
    this.history = new AlertHistory(files, "/data/rules/alert-history.jsonl", silentLogger);
    await this.history.load();
    this.engine = new RuleEngine({
      ...common,
      externalLabels: EXTERNAL,
      onAlerts: (alerts) => alerts.forEach((alert) => this.sent.add(this.textOf(alert))),
      stateFile: { files, path: "/data/rules/alert-states.json" },
      history: this.history,
      isTargetSilent: (labels) => this.away.has(labels.get("instance")),
    });
    await this.engine.load(this.groups);
    this.recovery = new Recovery({
      ...common,
      files,
      filePath: "/data/rules/recovery.json",
      expander: new AlertExpander({ externalLabels: EXTERNAL, externalUrl: "http://pi:8730" }),
      missingData: "keep",
      parse: (expression) => parseExpression(expression),
      engine: this.engine,
      history: this.history,
      settings: () => this.settings,
      gaps: () => this.gaps,
      sendSummary: async (summary) => {
        if (!this.isDead) this.summaries.push(summary);
      },
    });
    await this.recovery.open();
    await this.engine.start();
    this.recovery.start();
    this.isMasterUp = true;
  }

  /** Without a chance to write anything more. */
  async kill(): Promise<void> {
    const disk = this.files.afterPowerCut();
    await this.stopMaster();
    this.files = disk;
  }

  async stopMaster(): Promise<void> {
    this.isMasterUp = false;
    await this.recovery.stop();
    await this.engine.stop();
    await this.history.close();
  }

  cut(...instances: string[]): void {
    for (const instance of instances) this.away.add(instance);
  }

  join(...instances: string[]): void {
    for (const instance of instances) this.away.delete(instance);
  }

  /** Lets time go by, minute after minute. */
  async pass(minutes: number): Promise<void> {
    for (let count = 0; count < minutes; count++) {
      if (this.isMasterUp) for (const instance of this.courses.keys()) this.scrape(instance);
      await this.clock.advance(MINUTE_MS);
    }
  }

  /** The master was away: nothing happened here. */
  async skip(minutes: number): Promise<void> {
    await this.clock.advance(minutes * MINUTE_MS);
  }

  /** The history of these hosts arrives. */
  async fill(
    fromMinute: number,
    untilMinute: number,
    cause: "master_down" | "link_down",
    ...instances: string[]
  ): Promise<void> {
    for (const instance of instances) {
      for (let minute = Math.ceil(fromMinute); minute < untilMinute; minute++)
        this.store(instance, minute);
      const range = { fromMs: fromMinute * MINUTE_MS, untilMs: untilMinute * MINUTE_MS };
      this.gaps.push({ instance, job: "pi", ...range, state: "filled" });
      const labels = Labels.of({ instance, job: "pi" });
      await this.recovery.noteFilled([{ labels, ...range, cause, isFirstSight: this.areNew }]);
    }
  }

  /** Alerts in the summaries, with times in minutes: `Hot a 10-30`, `Hot a 10-on`. */
  notified(): string[] {
    return this.summaries.flatMap(({ alerts }) =>
      alerts.map(({ labels, activeAtMs, endedAtMs, times }) => {
        const end = endedAtMs === undefined ? "on" : String(Math.floor(endedAtMs / MINUTE_MS));
        const span = `${Math.floor(activeAtMs / MINUTE_MS)}-${end}`;
        return `${labels.get("alertname")} ${labels.get("instance")} ${span}${times > 1 ? ` x${times}` : ""}`;
      }),
    );
  }

  async valueAt(expression: string, minute: number): Promise<string[]> {
    const queries = new QueryEngine({ querier: this.storage, clock: this.clock });
    const { value } = await queries.instant({ expression, timeMs: minute * MINUTE_MS });
    return value.type !== "vector"
      ? []
      : value.samples.map(({ labels, value: number }) => `${labels.toString()} ${number}`);
  }

  private textOf({ labels, startsAtMs, endsAtMs }: Alert): string {
    const end = endsAtMs <= this.clock.wallMs() ? " ended" : "";
    return `${labels.get("alertname")} ${labels.get("instance")} ${Math.floor(startsAtMs / MINUTE_MS)}${end}`;
  }

  private get groups(): RuleGroup[] {
    return parseRules(this.rules);
  }

  private scrape(instance: string): void {
    const isUp = !this.away.has(instance);
    this.storage.add(seriesOf("up", instance), this.clock.wallMs(), isUp ? 1 : 0);
    if (isUp) this.store(instance, this.minute);
    else if (!this.ended.has(instance))
      this.storage.add(seriesOf("temperature", instance), this.clock.wallMs() + 1, undefined);
    if (isUp) this.ended.delete(instance);
    else this.ended.add(instance);
  }

  private store(instance: string, minute: number): void {
    const value =
      (this.courses.get(instance) ?? []).filter(([from]) => from <= minute).at(-1)?.[1] ?? 20;
    this.storage.add(seriesOf("temperature", instance), minute * MINUTE_MS, value);
  }
}

const seriesOf = (name: string, instance: string): Labels =>
  Labels.of({ [METRIC_NAME]: name, instance, job: "pi" });
