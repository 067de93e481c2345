import { AlarmBoard, type AlarmReceiver } from "../alarms/alarm-board.js";
import { createCustomCollector } from "../collectors/custom.js";
import { COLLECTORS } from "../collectors/registry.js";
import type { ExporterConfig } from "../config/config.js";
import { Exposition } from "../exposition/exposition.js";
import { createProcessMetrics } from "../exposition/process-metrics.js";
import { createHistoryListener, historyLinkOf } from "./history-wiring.js";
import { createExporterRoutes } from "../http/exporter-routes.js";
import { createHistoryRoutes } from "../http/history-routes.js";
import type { Route } from "../http/route.js";
import { createHttpHandler } from "../http/http-handler.js";
import { createLeftOutLog } from "../sampling/left-out-log.js";
import { SamplingLoop, type ScheduledCollector } from "../sampling/sampling-loop.js";
import { createBasicAuth } from "../shared/config/basic-auth.js";
import { loadWebConfig, OPEN_WEB_CONFIG, type WebConfig } from "../shared/config/web-config.js";
import type { Clock } from "../shared/platform/clock.js";
import { runCommand } from "../shared/platform/run-command.js";
import { optimizeAgain } from "../shared/platform/compiler.js";
import { checkFastZlib } from "../shared/platform/fast-zlib.js";
import type { Files } from "../shared/platform/files.js";
import type { SendHttp } from "../shared/platform/http/http-client.js";
import { createConnectionMetrics } from "../shared/platform/http/connection-metrics.js";
import { listenHttp, type HttpServer } from "../shared/platform/http/http-server.js";
import type { ResolveHost } from "../shared/platform/resolve-host.js";
import { MasterAddresses } from "../uplink/master-addresses.js";
import type { Logger } from "../shared/platform/logger.js";
import { startWithStack, type StopStack } from "../shared/platform/stop-stack.js";
import { openState, type ExporterState } from "./state.js";
import { checkSourcePaths, createSources } from "../sources/sources.js";
import type { Boot } from "../uplink/boot.js";
import { createUplink, type Uplink } from "./uplink-wiring.js";
import { UplinkToken } from "../uplink/uplink-token.js";

const MAX_CONNECTIONS = 256;
const MAX_CONNECTIONS_PER_ADDRESS = 64;
/** Time that requests in flight get when the exporter stops. */
const HTTP_GRACE_MS = 2000;

/**
 * All collectors share one schedule. Collectors that measure over a window start up to this much
 * earlier.
 */
const LONGEST_LEAD_MS = 500;

/** The world around the exporter, injected so that a test can run the whole program. */
export interface Surroundings {
  readonly clock: Clock;
  readonly files: Files;
  readonly sendHttp: SendHttp;
  readonly resolveHost: ResolveHost;
  readonly log: Logger;
  readonly hostname: string;
  readonly version: string;
  /** 0 to below 1. */
  readonly random: () => number;
  /** Default: read from the kernel. */
  readonly boot?: Boot;
}

export interface ExporterApp {
  readonly port: number;
  /** All routes that are served. */
  readonly routes: readonly Pick<Route, "path">[];
  /** In the reverse order of the start. */
  stop(): Promise<void>;
}

/**
 * Builds the exporter and starts it.
 *
 * @throws {ConfigError | BadInputError | FolderLockedError} when a file named in the configuration,
 * the state folder or the address cannot be used
 */
export async function startExporter(
  config: ExporterConfig,
  surroundings: Surroundings,
): Promise<ExporterApp> {
  const { files } = surroundings;
  const { webConfigFile, uplink } = config;
  await checkSourcePaths(config.paths, files);
  const web =
    webConfigFile === undefined ? OPEN_WEB_CONFIG : await loadWebConfig(webConfigFile, files);
  if (web.basicAuthUsers.size > 0) optimizeAgain();
  const token = await UplinkToken.load(uplink.tokenFile, files, surroundings.log);
  return startWithStack(surroundings.log, async (stack) => {
    const state = await openState(config, surroundings, stack);
    return startWith(config, surroundings, { web, token, state, stack });
  });
}

interface StartParts {
  readonly web: WebConfig;
  readonly token: UplinkToken;
  readonly state: ExporterState;
  readonly stack: StopStack;
}

async function startWith(
  config: ExporterConfig,
  surroundings: Surroundings,
  { web, token, state, stack }: StartParts,
): Promise<ExporterApp> {
  const { clock, log, hostname, version } = surroundings;
  const { history } = state;
  const collectors = createCollectors(config, surroundings, state);
  const startWallMs = clock.wallMs();
  const exposition = new Exposition({ collectors: collectors.map(paceOf), clock, log });
  const hasFastZlib = checkFastZlib(log);
  exposition.add(
    createProcessMetrics({ version, nodejs: process.version, startWallMs, hasFastZlib }),
  );
  const samplingLoop = new SamplingLoop({ collectors, clock, log });
  samplingLoop.listen((sampling) => exposition.receive(sampling));
  samplingLoop.listen(createLeftOutLog(log));
  samplingLoop.listen(() => state.counterFile.afterRun());
  if (history !== undefined) samplingLoop.listen(createHistoryListener(history));

  const isReady = (): boolean => samplingLoop.hasSampledAll;
  const routes = [
    ...createExporterRoutes({ exposition, hostname, nodeId: state.nodeId, version, isReady }),
    ...historyRoutes(config, surroundings, { token, state }),
  ];
  const users = web.basicAuthUsers;
  const basicAuth = users.size === 0 ? undefined : createBasicAuth(users);
  const handler = createHttpHandler({ routes, basicAuth, log });
  const server = await listen(handler, config, web, surroundings);
  exposition.add(createConnectionMetrics(server));
  stack.push("the HTTP server", () => server.stop(HTTP_GRACE_MS));
  const { port } = server;

  const { nodeId, bootId, bootMs } = state;
  const link = history === undefined ? undefined : historyLinkOf(history);
  const identity = { port, nodeId, bootId, bootMs, token, history: link };
  const uplink = await createUplink(config, { ...surroundings, ...identity });
  const board = createAlarmBoard({ hostname, port, log, uplink });
  const watched = config.alarms.enabled ? collectors.map(({ collector }) => collector.name) : [];
  board.keepOnly(watched, startWallMs);
  if (config.alarms.enabled) samplingLoop.listen((sampling) => board.receive(sampling));
  for (const source of [board, ...(uplink?.sources ?? [])]) exposition.add(source);
  if (history !== undefined) exposition.add(history);

  history?.start(config.uplink.masters);
  uplink?.start();
  if (uplink !== undefined) stack.push("the uplink", () => uplink.stop());
  samplingLoop.start();
  stack.push("sampling", () => samplingLoop.stop());
  log.info("Exporter started", { address: config.listen.address, port, version });
  return {
    port,
    routes,
    async stop() {
      await stack.stopAll();
      log.info("Exporter stopped");
    },
  };
}

function historyRoutes(
  { history: { maxRateBytes } }: ExporterConfig,
  { clock, files }: Surroundings,
  { token, state }: { token: UplinkToken; state: ExporterState },
): Route[] {
  const { history, nodeId, bootId, bootMs } = state;
  if (history === undefined) return [];
  return createHistoryRoutes({
    ...{ history, files, clock, nodeId, bootId, bootMs, maxRateBytes },
    hasFleetToken: (authorization) => token.isCarriedBy(authorization),
  });
}

function createAlarmBoard(parts: {
  readonly hostname: string;
  readonly port: number;
  readonly log: Logger;
  readonly uplink: Uplink | undefined;
}): AlarmBoard {
  const { hostname, port, log, uplink } = parts;
  const receiver: AlarmReceiver = uplink?.alarmSender ?? UNHEARD;
  const instance = `${hostname}:${port}`;
  return new AlarmBoard({ hostname, instance, receiver, log }, uplink?.lastingAlarms);
}

function createCollectors(
  config: ExporterConfig,
  { clock, files }: Surroundings,
  { counterFile }: ExporterState,
): ScheduledCollector[] {
  const keptCounters = counterFile.counters;
  const sources = createSources({ clock, files, keptCounters, paths: config.paths });
  const builtIn = COLLECTORS.flatMap(({ name, family, create }) => {
    const settings = config.collectors[name];
    if (settings?.enabled !== true) return [];
    const { intervalMs, deadlineMs } = settings;
    const collector = create(sources, config.collectorSettings);
    return [{ collector, family, intervalMs, deadlineMs, startDelayMs: LONGEST_LEAD_MS }];
  });
  const custom = config.customCollectors.map(({ intervalMs, deadlineMs, ...command }) => ({
    collector: createCustomCollector(command, runCommand),
    family: undefined,
    intervalMs,
    deadlineMs,
    startDelayMs: LONGEST_LEAD_MS,
    isAwaited: false,
  }));
  return [...builtIn, ...custom];
}

function paceOf({ collector, intervalMs, deadlineMs }: ScheduledCollector): {
  name: string;
  intervalMs: number;
  deadlineMs: number;
} {
  return { name: collector.name, intervalMs, deadlineMs };
}

function listen(
  handler: Parameters<typeof listenHttp>[0],
  { listen: { address, port }, uplink }: ExporterConfig,
  { tls }: WebConfig,
  { clock, log, resolveHost }: Surroundings,
): Promise<HttpServer> {
  const { masters } = uplink;
  const addresses = new MasterAddresses({ masters, resolveHost, clock });
  addresses.refresh();
  return listenHttp(handler, {
    host: address,
    port,
    maxConnections: MAX_CONNECTIONS,
    maxPerAddress: MAX_CONNECTIONS_PER_ADDRESS,
    isFriend: (client) => addresses.has(client),
    log,
    tls,
  });
}

/** Without a master, alarms are shown in metrics and in the log. */
const UNHEARD: AlarmReceiver = {
  raise: () => undefined,
  renew: () => undefined,
  clear: () => undefined,
};
