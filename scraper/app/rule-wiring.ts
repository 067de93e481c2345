import path from "node:path";
import type { MetricsSource } from "../../exporter/shared/model/metric.js";
import type { Labels } from "../../exporter/shared/model/labels.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { SendHttp } from "../../exporter/shared/platform/http/http-client.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import type { StopStack } from "../../exporter/shared/platform/stop-stack.js";
import type { Alert } from "../alerting/alerts/alert.js";
import { AlertmanagerClient } from "../alerting/delivery/alertmanager-client.js";
import { Dispatcher } from "../alerting/dispatch/dispatcher.js";
import { createMailTransport } from "../alerting/delivery/mail-transport.js";
import type { NotificationConfig } from "../alerting/config/notification-config.js";
import type { HostGap } from "../backfill/gap.js";
import type { ScraperConfig } from "../config/config.js";
import type { Queries } from "../promql/evaluation/query-results.js";
import type { QueryEngine } from "../promql/query/query-engine.js";
import { externalUrlOf, loadRules } from "../config/named-files.js";
import { AlertExpander } from "../rule-engine/rules/alert-expansion.js";
import { AlertHistory } from "../rule-engine/evaluation/alert-history.js";
import { Recovery, type RecoverySettings } from "../rule-engine/replay/recovery.js";
import { RuleEngine } from "../rule-engine/evaluation/rule-engine.js";
import type { RuleGroup } from "../rule-engine/rules/rule-group.js";
import type { Storage } from "../storage/storage.js";
import { ALERTING_FOLDER, RULES_FOLDER } from "./state-folders.js";

export interface RuleWiringParts {
  readonly config: ScraperConfig;
  readonly notifications: NotificationConfig;
  readonly clock: Clock;
  readonly files: Files;
  readonly log: Logger;
  readonly sendHttp: SendHttp;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly storage: Storage;
  /** Memory of all alerts. */
  readonly maxAlertsBytes: number;
  readonly queries: Queries & Pick<QueryEngine, "parse">;
  readonly isTargetSilent: (labels: Labels) => boolean;
  readonly gaps: () => readonly HostGap[];
}

/** Joins rules, their alerts and the notification of receivers. */
export class RuleWiring {
  readonly dispatcher: Dispatcher;
  readonly alertmanagers: AlertmanagerClient;
  readonly rules: RuleEngine;
  readonly history: AlertHistory;
  readonly recovery: Recovery;
  private config: ScraperConfig;

  constructor(private readonly parts: RuleWiringParts) {
    const { config, clock, files, log, sendHttp } = parts;
    this.config = config;
    this.dispatcher = this.createDispatcher();
    const { alertmanagers } = config.alerting;
    const http = sendHttp;
    this.alertmanagers = new AlertmanagerClient({ alertmanagers, clock, files, log, http });
    this.history = new AlertHistory(files, this.fileOf("alert-history.jsonl"), log);
    this.rules = this.createRuleEngine();
    this.recovery = this.createRecovery();
  }

  /**
   * Must run before the first range is filled.
   *
   * @throws {ConfigError} for the first rule that is not valid
   */
  async load(stack: StopStack): Promise<void> {
    await this.history.load();
    stack.push("the alert history", () => this.history.close());
    await this.recovery.open();
    await this.rules.load(
      await loadRules(this.config, this.parts.files, (warning) =>
        this.parts.log.warn("Configuration accepted with a warning", { warning }),
      ),
    );
  }

  async startNotifying(stack: StopStack): Promise<void> {
    stack.push("the dispatcher", () => this.dispatcher.stop());
    await this.dispatcher.start();
    await this.alertmanagers.start();
    stack.push("Alertmanager clients", () => this.alertmanagers.stop());
  }

  async startEvaluating(stack: StopStack): Promise<void> {
    stack.push("the rule engine", () => this.rules.stop());
    await this.rules.start();
    this.recovery.start();
    stack.push("recovery", () => this.recovery.stop());
  }

  /** @throws {BadInputError} when the templates do not compile; then nothing has changed */
  async reload(
    config: ScraperConfig,
    notifications: NotificationConfig,
    groups: readonly RuleGroup[],
  ): Promise<void> {
    await this.dispatcher.reload(notifications);
    await this.alertmanagers.applyConfig(config.alerting.alertmanagers);
    this.config = config;
    await this.rules.load(groups);
  }

  /** The parts that report metrics about themselves. */
  metricsSources(): MetricsSource[] {
    return [this.dispatcher, this.alertmanagers, this.recovery, this.rules];
  }

  private createDispatcher(): Dispatcher {
    const { clock, files, log, random, notifications, sendHttp, maxAlertsBytes } = this.parts;
    return new Dispatcher({
      maxAlertsBytes,
      clock,
      files,
      log,
      random,
      config: notifications,
      folder: path.join(this.config.storage.path, ALERTING_FOLDER),
      transports: { mail: createMailTransport(clock), http: sendHttp },
      externalUrl: externalUrlOf(this.config),
    });
  }

  private createRuleEngine(): RuleEngine {
    const { clock, files, log, storage, queries, isTargetSilent } = this.parts;
    return new RuleEngine({
      clock,
      log,
      queries,
      writer: storage,
      externalLabels: this.config.global.externalLabels,
      externalUrl: externalUrlOf(this.config),
      onAlerts: (alerts) => this.takeAlerts(alerts),
      stateFile: { files, path: this.fileOf("alert-states.jsonl") },
      history: this.history,
      isTargetSilent,
      missingData: this.config.rules.missingData,
      parse: (expression) => queries.parse(expression),
    });
  }

  private createRecovery(): Recovery {
    const { clock, files, log, storage, queries, gaps } = this.parts;
    const externalUrl = externalUrlOf(this.config);
    const { externalLabels } = this.config.global;
    return new Recovery({
      clock,
      files,
      log,
      queries,
      externalUrl,
      gaps,
      filePath: this.fileOf("recovery.json"),
      writer: storage,
      expander: new AlertExpander({ externalLabels, externalUrl }),
      missingData: this.config.rules.missingData,
      parse: (expression) => queries.parse(expression),
      engine: this.rules,
      history: this.history,
      settings: () => recoverySettingsOf(this.config),
      sendSummary: (summary) => this.dispatcher.summarize(summary),
    });
  }

  private fileOf(name: string): string {
    return path.join(this.config.storage.path, RULES_FOLDER, name);
  }

  /** Passes on the alerts of rules, with the external labels. */
  private takeAlerts(alerts: readonly Alert[]): void {
    void this.dispatcher.receive(alerts); // Rejects for immediate alerts only.
    this.alertmanagers.send(
      alerts.flatMap((alert) => {
        const labels = this.config.alerting.alertRelabeling(alert.labels);
        return labels === undefined ? [] : [{ ...alert, labels }];
      }),
    );
  }
}

function recoverySettingsOf({ rules, backfill, storage }: ScraperConfig): RecoverySettings {
  return {
    waitMs: rules.recoveryWaitMs,
    maxWaitMs: rules.recoveryMaxWaitMs,
    maxAgeMs: Math.min(backfill.maxAgeMs, storage.retentionMs),
  };
}
