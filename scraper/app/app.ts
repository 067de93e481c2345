import type { Sample } from "../../exporter/shared/model/metric.js";
import path from "node:path";
import { createBasicAuth } from "../../exporter/shared/config/basic-auth.js";
import {
  loadWebConfig,
  OPEN_WEB_CONFIG,
  type WebConfig,
} from "../../exporter/shared/config/web-config.js";
import { readFleetToken, tokenMatches } from "../../exporter/shared/codec/fleet-token.js";
import { messageOf } from "../../exporter/shared/model/errors.js";
import { formatDurationMs } from "../../exporter/shared/model/duration.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import { checkFastZlib } from "../../exporter/shared/platform/fast-zlib.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { SendHttp } from "../../exporter/shared/platform/http/http-client.js";
import { createConnectionMetrics } from "../../exporter/shared/platform/http/connection-metrics.js";
import { listenHttp, type HttpServer } from "../../exporter/shared/platform/http/http-server.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import { readMemoryLimit } from "../../exporter/shared/platform/memory-limit.js";
import { startWithStack, type StopStack } from "../../exporter/shared/platform/stop-stack.js";
import { removeStrayFiles } from "../../exporter/shared/platform/stray-files.js";
import type { ResolveHost } from "../../exporter/shared/platform/resolve-host.js";
import type { PausePoints } from "../base/paced-sort.js";
import type { NotificationConfig } from "../alerting/config/notification-config.js";
import { PushedAlarms } from "../api/alertmanager/pushed-alarms.js";
import { adminRoutes } from "../api/admin/admin-routes.js";
import { alertHistoryRoutes } from "../api/fleet/alert-history-routes.js";
import { alertmanagerRoutes } from "../api/alertmanager/alertmanager-routes.js";
import { createApiHandler } from "../api/http/api-handler.js";
import { gapRoutes } from "../api/fleet/gap-routes.js";
import { fleetRoutes } from "../api/fleet/fleet-routes.js";
import { prometheusRoutes } from "../api/prometheus/prometheus-routes.js";
import { RequestPace } from "../api/http/request-pace.js";
import { RequestCounter } from "../api/http/request-counter.js";
import type { Route } from "../api/http/route.js";
import { statusRoutes } from "../api/prometheus/status-routes.js";
import { Backfill } from "../backfill/backfill.js";
import { SampleImport } from "../backfill/sample-import.js";
import { discoveryConfigOf, renderConfig, type ScraperConfig } from "../config/config.js";
import { keysThatNeedRestart } from "../config/restart-keys.js";
import { DiscoveryManager } from "../discovery/discovery-manager.js";
import type { ProbeProgress } from "../discovery/range-prober.js";
import { Fleet } from "../fleet/fleet.js";
import type { KnownHost } from "../fleet/known-host.js";
import { HostFiles } from "../fleet/host-files.js";
import type { Target } from "../fleet/target.js";
import { HostLogs } from "../host-logs/host-logs.js";
import { parseSelector } from "../promql/language/parser.js";
import { createQueryMetrics } from "../promql/query/query-metrics.js";
import { QueryAdmission } from "../promql/query/query-admission.js";
import { QueryEngine } from "../promql/query/query-engine.js";
import { type MemoryBounds, memoryBounds } from "./memory-bounds.js";
import { pageRoutes } from "./page-routes.js";
import { DataDisk } from "./data-disk.js";
import { createProcessMetrics } from "./process-metrics.js";
import { loadNotificationFile } from "../config/named-files.js";
import { loadRules } from "../config/named-files.js";
import { RuleWiring } from "./rule-wiring.js";
import { DEFAULT_POOL_SETTINGS, ScrapeManager } from "../scrape/scrape-manager.js";
import { SNAPSHOTS_FOLDER } from "../storage/model/data-folder.js";
import { snapshotName } from "../storage/snapshot.js";
import { Storage } from "../storage/storage.js";
import { ALERTING_FOLDER, prepareStateFolders, RULES_FOLDER } from "./state-folders.js";
import { TargetIndex } from "./target-index.js";

/** The world around the scraper, injected so that a test can run the whole program. */
export interface Surroundings {
  readonly clock: Clock;
  readonly files: Files;
  readonly sendHttp: SendHttp;
  readonly resolveHost: ResolveHost;
  readonly log: Logger;
  readonly version: string;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly workingFolder: string;
  /** Reads the configuration again, for a reload. */
  readonly loadConfig: () => Promise<ScraperConfig>;
  /** Reports the progress of the first pass over the ranges. */
  readonly onProbeProgress?: (progress: ProbeProgress) => void;
}

export interface ScraperApp {
  readonly port: number;
  /** All routes that are served. */
  readonly routes: readonly Pick<Route, "methods" | "path" | "needsToken">[];
  /** @throws {ConfigError} when the new configuration is not valid; then nothing has changed */
  reload(): Promise<void>;
  /** In the reverse order of the start. */
  stop(): Promise<void>;
}

const MAX_CONNECTIONS = 4096;
/** As many as Prometheus takes altogether by default (`--web.max-connections`). */
const MAX_CONNECTIONS_PER_ADDRESS = 512;
const HTTP_GRACE_MS = 2000;
/** Cost of the metrics of one part, in values for the pace. */
const WORK_PER_SOURCE = 1024;

/**
 * Builds the scraper and starts it.
 *
 * @throws {PihealthError} when the configuration, the data folder or the address cannot be used
 */
export async function startScraper(
  config: ScraperConfig,
  surroundings: Surroundings,
): Promise<ScraperApp> {
  const { clock, files, log } = surroundings;
  const web =
    config.web.configFile === undefined
      ? OPEN_WEB_CONFIG
      : await loadWebConfig(config.web.configFile, files);
  const token =
    config.fleet.tokenFile === undefined
      ? undefined
      : await readFleetToken(config.fleet.tokenFile, files);
  const notifications = await loadNotificationFile(config.notificationsFile, files);
  warnOf(config.warnings, log);
  const folder = config.storage.path;
  return startWithStack(log, async (stack) => {
    const limitBytes = await readMemoryLimit(files);
    const bounds = memoryBounds(limitBytes, {
      queryBytes: config.query.memoryBytes,
      queryCacheBytes: config.storage.queryCacheBytes,
    });
    const { queryBytes, queryCacheBytes, blockCacheBytes, waitingBytes } = bounds;
    const settings = { ...config.storage, queryCacheBytes, blockCacheBytes, waitingBytes };
    const storage = await Storage.open({ folder, files, clock, log, settings });
    stack.push("storage", () => storage.stop());
    const hasFastZlib = checkFastZlib(log);
    const { maxConcurrency } = config.query;
    const admission = new QueryAdmission({ clock, maxConcurrency, memoryBytes: queryBytes });
    const app = new App(config, {
      ...surroundings,
      stack,
      storage,
      admission,
      notifications,
      token,
      hasFastZlib,
      bounds,
    });
    await app.start(web);
    return app;
  });
}

interface AppParts extends Surroundings {
  readonly stack: StopStack;
  readonly storage: Storage;
  readonly admission: QueryAdmission;
  readonly bounds: MemoryBounds;
  readonly notifications: NotificationConfig;
  readonly token: string | undefined;
  readonly hasFastZlib: boolean;
}

/**
 * Joins all rooms of the scraper. The file exceeds 400 lines because no other place may join rooms:
 * most lines pass the parts of one room to another.
 */
class App implements ScraperApp {
  routes: readonly Route[] = [];
  private server: HttpServer | undefined;
  private isReady = false;
  private lastReload: { atMs: number; succeeded: boolean };
  private readonly startedMs: number;
  /** The configuration at the start, for settings that a reload does not change. */
  private readonly startConfig: ScraperConfig;
  private readonly requests = new RequestCounter();
  private readonly targetIndex: TargetIndex;
  private readonly fleet: Fleet;
  private readonly hostFiles: HostFiles;
  private readonly dataDisk: DataDisk;
  private readonly hostLogs: HostLogs;
  private readonly backfill: Backfill;
  private readonly imports: SampleImport;
  private readonly scrapes: ScrapeManager;
  private readonly discovery: DiscoveryManager;
  private readonly queries: QueryEngine;
  private readonly wiring: RuleWiring;
  private readonly pushedAlarms: PushedAlarms;

  constructor(
    private config: ScraperConfig,
    private readonly parts: AppParts,
  ) {
    const { clock, files, log, storage } = parts;
    const dataFolder = config.storage.path;
    this.startedMs = clock.wallMs();
    this.startConfig = config;
    this.lastReload = { atMs: this.startedMs, succeeded: true };
    this.fleet = new Fleet({
      clock,
      log,
      isAllowedAddress: (address) => this.discovery.isAllowedAddress(address),
      onHeartbeat: (host, isNews) => {
        if (isNews) {
          this.discovery.heartbeatFrom(host);
          this.hostFiles.scheduleWrite();
        }
        this.backfill.noteHeartbeat(host);
      },
    });
    this.dataDisk = new DataDisk({ folder: dataFolder, files, clock });
    this.hostFiles = new HostFiles({ dataFolder, fleet: this.fleet, files, clock, log });
    this.hostLogs = new HostLogs({
      folder: dataFolder,
      files,
      clock,
      log,
      settings: config.hostLogs,
    });
    this.backfill = new Backfill({
      dataFolder,
      clock,
      files,
      log,
      querier: storage.querier,
      writer: storage,
      fleet: { hostAt: (host, port) => this.hostAt(host, port) },
      namesOf: (address) => this.discovery.namesOf(address),
      hostLogs: this.hostLogs,
      sendHttp: parts.sendHttp,
      token: parts.token,
      settings: config.backfill,
      maxSegmentBytes: parts.bounds.segmentBytes,
      onGapsFilled: (gaps) => this.wiring.recovery.noteFilled(gaps),
    });
    this.imports = new SampleImport({
      writer: storage,
      targets: () => this.targetIndex.all(),
      hosts: () => [...this.fleet.allHosts()],
    });
    this.scrapes = new ScrapeManager({
      writer: storage,
      clock,
      log,
      sendHttp: parts.sendHttp,
      version: parts.version,
      pools: { ...DEFAULT_POOL_SETTINGS, count: config.pools },
      onScrapeStored: (target, { ok, timestampMs, layout, values }) => {
        this.backfill.noteScrape(target, timestampMs, ok);
        if (!ok) return;
        this.fleet.noteSeen(target.host, target.port, timestampMs);
        this.hostLogs.receiveScrape(target, timestampMs, layout, values);
      },
    });
    this.targetIndex = new TargetIndex({
      clock,
      healthOf: (id) => this.scrapes.health(id)?.health,
      namesOf: (address) => this.discovery.namesOf(address),
    });
    this.discovery = this.createDiscovery();
    const { querier } = storage;
    const { admission } = parts;
    this.queries = new QueryEngine({ querier, clock, admission, settings: config.query });
    this.wiring = new RuleWiring({
      ...parts,
      config,
      queries: this.queries.forRules(),
      maxAlertsBytes: parts.bounds.alertsBytes,
      isTargetSilent: (labels) => this.targetIndex.isSilent(labels),
      gaps: () => this.backfill.gaps(),
    });
    this.pushedAlarms = new PushedAlarms({
      dispatcher: this.wiring.dispatcher,
      clock,
      targetAt: (address, port) => this.targetIndex.at(address, port),
      externalLabels: config.global.externalLabels,
      writeLine: (address, line) => this.hostLogs.writeAlarm(address, line),
    });
  }

  get port(): number {
    return this.server?.port ?? 0;
  }

  async start(web: WebConfig): Promise<void> {
    const { stack, storage, version, log, files } = this.parts;
    await prepareStateFolders(storage.folder, files, log);
    await this.wiring.load(stack);
    // Before the long start and until all but storage has stopped: probes and pages are answered.
    const server = await this.listen(web);
    this.server = server;
    stack.push("the HTTP server", () => server.stop(HTTP_GRACE_MS));
    storage.start();
    await this.dataDisk.read();
    await this.removeStrayFiles();
    await this.hostFiles.load();
    this.hostFiles.start();
    stack.push("host files", () => this.hostFiles.stop());
    this.hostLogs.start();
    stack.push("host logs", () => this.hostLogs.stop());
    await this.wiring.startNotifying(stack);
    await this.backfill.open();
    this.backfill.start();
    stack.push("backfill", () => this.backfill.stop());
    this.scrapes.start();
    stack.push("scrapes", () => this.scrapes.stop());
    stack.push("discovery", () => this.discovery.stop());
    await this.discovery.start();
    await this.wiring.startEvaluating(stack);
    this.isReady = true;
    const { host: address, port } = server;
    log.info("Scraper started", { version, address, port, data: this.config.storage.path });
  }

  async stop(): Promise<void> {
    this.isReady = false;
    await this.parts.stack.stopAll();
    this.parts.log.info("Scraper stopped");
  }

  /** Targets, rules and notifications change; paths, addresses and the number of pools need a restart. */
  async reload(): Promise<void> {
    const { clock, files, log } = this.parts;
    try {
      const config = await this.parts.loadConfig();
      const notifications = await loadNotificationFile(config.notificationsFile, files);
      const groups = await loadRules(config, files, (warning) => warnOf([warning], log));
      warnOf(config.warnings, log);
      await this.wiring.reload(config, notifications, groups);
      const waiting = keysThatNeedRestart(this.startConfig, config);
      if (waiting.length > 0) {
        log.warn("Changed settings need a restart", { keys: waiting.join(", ") });
      }
      this.config = config;
      await this.discovery.applyConfig(discoveryConfigOf(config));
      this.lastReload = { atMs: clock.wallMs(), succeeded: true };
      log.info("Configuration reloaded", { file: config.file });
    } catch (error) {
      this.lastReload = { ...this.lastReload, succeeded: false };
      log.error("Cannot reload the configuration: the previous one stays in force", {
        error: messageOf(error),
      });
      throw error;
    }
  }

  /** Deletes temporary files of a power cut; storage and host files look after their own folders. */
  private async removeStrayFiles(): Promise<void> {
    const { path: folder } = this.config.storage;
    for (const name of ["", RULES_FOLDER, ALERTING_FOLDER])
      await removeStrayFiles(this.parts.files, path.join(folder, name));
  }

  /** Heartbeats come from addresses, so a target with a name is found by its addresses. */
  private hostAt(host: string, port: number): KnownHost | undefined {
    const direct = this.fleet.hostAt(host, port);
    if (direct?.node !== undefined) return direct;
    const byAddress = this.discovery
      .addressesOf(host)
      .map((address) => this.fleet.hostAt(address, port))
      .find((known) => known?.node !== undefined);
    return byAddress ?? direct;
  }

  private createDiscovery(): DiscoveryManager {
    const { clock, files, log, sendHttp, resolveHost, random, onProbeProgress } = this.parts;
    return new DiscoveryManager({
      clock,
      files,
      log,
      sendHttp,
      resolveHost,
      random,
      config: discoveryConfigOf(this.config),
      fleet: this.fleet,
      onTargetsChanged: (targets) => this.takeTargets(targets),
      ...(onProbeProgress === undefined ? {} : { onProbeProgress }),
    });
  }

  private takeTargets(targets: readonly Target[]): void {
    this.backfill.setTargets(targets);
    this.scrapes.sync(targets);
    this.targetIndex.set(targets);
    this.hostFiles.setTargets(targets);
  }

  private async listen(web: WebConfig): Promise<HttpServer> {
    const { clock, log, token } = this.parts;
    const basicAuth = createBasicAuth(web.basicAuthUsers);
    this.routes = this.createRoutes();
    const handler = createApiHandler({
      routes: this.routes,
      isReady: () => this.isReady,
      hasFleetToken: (header) => token !== undefined && tokenMatches(header, token),
      basicAuth: web.basicAuthUsers.size === 0 ? undefined : basicAuth,
      log,
      countRequest: (path, status, durationMs) => this.requests.add(path, status, durationMs),
      clock,
      turns: this.parts.admission.turns,
    });
    const { listenAddress: host, port } = this.config.web;
    return listenHttp(handler, {
      host,
      port,
      maxConnections: MAX_CONNECTIONS,
      maxPerAddress: MAX_CONNECTIONS_PER_ADDRESS,
      log,
      tls: web.tls,
    });
  }

  private createRoutes(): Route[] {
    const { clock, storage, version } = this.parts;
    return [
      ...prometheusRoutes({
        clock,
        queries: this.queries,
        parseExpression: (text) => this.queries.parse(text),
        maxPointsPerSeries: this.config.query.maxPointsPerSeries,
        lookbackMs: this.config.query.lookbackMs,
        querier: storage.querier,
        admission: this.parts.admission,
        queryTimeoutMs: this.config.query.timeoutMs,
        parseSelector: (text) => parseSelector(text).matchers,
        metadata: (pace) => this.scrapes.metadata(pace),
        externalLabels: () => this.config.global.externalLabels,
        activeTargets: () => this.activeTargets(),
        droppedTargets: () => this.discovery.droppedTargets(),
        targetMetadata: (id) => this.scrapes.targetMetadata(id),
        ruleGroups: () => this.wiring.rules.rulesView(),
        alerts: () => this.wiring.rules.alertsView(),
        alertmanagerUrls: () => this.wiring.alertmanagers.urls(),
        droppedAlertmanagerUrls: () => this.wiring.alertmanagers.droppedUrls(),
      }),
      ...fleetRoutes({
        fleet: this.fleet,
        clock,
        poolOf: (address, port) => {
          const target = this.targetIndex.at(address, port);
          return target === undefined ? undefined : this.scrapes.poolOf(target.id);
        },
        durableUntilMs: (address, port) => this.backfill.durableUntilMs(address, port),
      }),
      ...gapRoutes({ gaps: (host) => this.backfill.gaps(host) }),
      ...alertHistoryRoutes({ clock, listHistory: (wanted) => this.wiring.history.list(wanted) }),
      ...alertmanagerRoutes({
        dispatcher: this.wiring.dispatcher,
        receiveAlerts: (body, address) => this.pushedAlarms.receive(body, address),
        version,
        nodeVersion: process.version,
      }),
      ...this.statusRoutes(),
      ...adminRoutes({
        isEnabled: this.config.web.enableAdminApi,
        takeSnapshot: async (options) => {
          const name = snapshotName(clock.wallMs(), this.parts.random());
          await storage.snapshot(path.join(storage.folder, SNAPSHOTS_FOLDER, name), options);
          return name;
        },
        importSamples: (place, text) => this.imports.take(place, text),
      }),
      ...pageRoutes({
        clock,
        version,
        queries: this.queries,
        activeTargets: () => this.activeTargets(),
        alerts: () => this.wiring.rules.alertsView(),
        gaps: (host) => this.backfill.gaps(host),
        clones: () => this.fleet.clonedHosts(),
        pace: () => new RequestPace(this.parts.admission.turns),
      }),
    ];
  }

  private statusRoutes(): Route[] {
    const { clock, storage, version, workingFolder } = this.parts;
    const { retentionMs, retentionBytes } = this.config.storage;
    return statusRoutes({
      clock,
      version,
      workingFolder,
      startedMs: this.startedMs,
      nodeVersion: process.version,
      storageRetention: `${formatDurationMs(retentionMs)} or ${retentionBytes} bytes`,
      isReady: () => this.isReady,
      renderConfig: () => renderConfig(this.config),
      flags: { "config.file": this.config.file, "storage.path": this.config.storage.path },
      storageStatus: (limit, pace) => storage.stats(limit, pace),
      lastReload: () => this.lastReload,
      readMetrics: (pace) => this.readMetrics(pace),
      reload: () => this.reload(),
    });
  }

  private activeTargets() {
    return this.scrapes.targets().flatMap((target) => {
      const health = this.scrapes.health(target.id);
      return health === undefined ? [] : [{ target, health }];
    });
  }

  private async readMetrics(pace: PausePoints): Promise<Sample[]> {
    await this.wiring.dispatcher.prepareMetrics(pace);
    const { storage, version, clock, hasFastZlib } = this.parts;
    const { startedMs } = this;
    const sources = [
      createProcessMetrics({ version, hasFastZlib, clock, startedMs }),
      this.requests,
      ...(this.server === undefined ? [] : [createConnectionMetrics(this.server)]),
      storage,
      this.dataDisk,
      createQueryMetrics(this.parts.admission),
      this.scrapes,
      this.discovery,
      this.fleet,
      this.hostFiles,
      this.hostLogs,
      this.backfill,
      ...this.wiring.metricsSources(),
    ];
    const samples: Sample[] = [];
    for (const source of sources) {
      samples.push(...source.readMetrics());
      if (pace.isDue(WORK_PER_SOURCE)) await pace.pause();
    }
    return samples;
  }
}

function warnOf(warnings: readonly string[], log: Logger): void {
  for (const warning of warnings) log.warn("Configuration accepted with a warning", { warning });
}
