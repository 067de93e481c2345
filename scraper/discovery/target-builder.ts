import { BadInputError } from "../../exporter/shared/model/errors.js";
import { formatDurationMs, parseDurationMs } from "../../exporter/shared/model/duration.js";
import { Labels } from "../../exporter/shared/model/labels.js";
import { formatHostPort, parseHostPort } from "../fleet/ip-address.js";
import type { ScrapeSettings, Target } from "../fleet/target.js";
import type { ScrapeJob } from "./scrape-job.js";
import type { TargetGroup } from "./target-group.js";

/** Result of building a target from a discovered address. */
export type BuiltTarget =
  | { readonly kind: "target"; readonly target: Target }
  /** Dropped by relabelling. */
  | { readonly kind: "dropped"; readonly discoveredLabels: Labels }
  /** Not scrapable. */
  | { readonly kind: "invalid"; readonly discoveredLabels: Labels; readonly reason: string };

/**
 * Turns discovered groups into targets. Groups are immutable, so the result for a group is cached
 * as long as the group exists.
 */
export class TargetBuilder {
  private readonly cache = new WeakMap<TargetGroup, readonly BuiltTarget[]>();

  constructor(private readonly job: ScrapeJob) {}

  build(group: TargetGroup): readonly BuiltTarget[] {
    const known = this.cache.get(group);
    if (known !== undefined) return known;
    const built = group.targets.map((address) => buildTarget(this.job, address, group.labels));
    this.cache.set(group, built);
    return built;
  }
}

function buildTarget(
  job: ScrapeJob,
  address: string,
  groupLabels: Readonly<Record<string, string>>,
): BuiltTarget {
  const discoveredLabels = discover(job, address, groupLabels);
  const relabeled = job.relabeling(discoveredLabels);
  if (relabeled === undefined) return { kind: "dropped", discoveredLabels };
  try {
    return { kind: "target", target: finish(job, discoveredLabels, relabeled) };
  } catch (error) {
    if (!(error instanceof BadInputError)) throw error;
    return { kind: "invalid", discoveredLabels, reason: error.message };
  }
}

/** Labels of the group override labels of the job, as in Prometheus. */
function discover(
  job: ScrapeJob,
  address: string,
  groupLabels: Readonly<Record<string, string>>,
): Labels {
  const { settings, scheme, metricsPath, params } = job;
  const paramLabels = Object.entries(params).map(
    ([name, [first = ""]]) => [`__param_${name}`, first] as const,
  );
  return Labels.of({
    job: settings.jobName,
    __scrape_interval__: formatDurationMs(settings.intervalMs),
    __scrape_timeout__: formatDurationMs(settings.timeoutMs),
    __metrics_path__: metricsPath,
    __scheme__: scheme,
    ...Object.fromEntries(paramLabels),
    ...groupLabels,
    __address__: address,
  });
}

function finish(job: ScrapeJob, discoveredLabels: Labels, relabeled: Labels): Target {
  const address = relabeled.get("__address__");
  const parsed = parseHostPort(address);
  if (parsed === undefined) {
    throw new BadInputError(
      `Cannot scrape "${address}": it must be host or host:port without a scheme or path`,
    );
  }
  const scheme = relabeled.get("__scheme__");
  if (scheme !== "http" && scheme !== "https") {
    throw new BadInputError(
      `Cannot scrape "${address}": __scheme__ is "${scheme}", it must be http or https`,
    );
  }
  const host = parsed.host.toLowerCase().replace(/\.$/, "");
  const port = parsed.port ?? (scheme === "https" ? 443 : 80);
  const url = `${scheme}://${formatHostPort(host, port)}${pathAndQuery(job, relabeled)}`;
  const visible = Labels.ofSorted(relabeled.pairs.filter(([name]) => !name.startsWith("__")));
  const labels = visible.has("instance") ? visible : visible.with({ instance: address });
  const settings = settingsOf(job.settings, relabeled, address);
  // The job is part of the identity, because relabelling may give two jobs the same label.
  const id = `${settings.jobName}\u{fffe}${labels.key}\u{fffe}${url}`;
  return Object.freeze({ id, url, host, port, labels, discoveredLabels, settings });
}

function pathAndQuery({ params }: ScrapeJob, relabeled: Labels): string {
  const query = new URLSearchParams();
  for (const [name, values] of Object.entries(params)) {
    const first = relabeled.get(`__param_${name}`);
    for (const value of [first, ...values.slice(1)]) query.append(name, value);
  }
  for (const [label, value] of relabeled.pairs) {
    const name = label.startsWith("__param_") ? label.slice("__param_".length) : "";
    if (name !== "" && !(name in params)) query.append(name, value);
  }
  const path = relabeled.get("__metrics_path__");
  const encoded = encodeURI(path.startsWith("/") ? path : `/${path}`).replace(
    /[?#]/g,
    encodeURIComponent,
  );
  return query.size === 0 ? encoded : `${encoded}?${query.toString()}`;
}

/** Returns the job's own settings object if relabelling has not changed interval and timeout. */
function settingsOf(settings: ScrapeSettings, relabeled: Labels, address: string): ScrapeSettings {
  const intervalMs = durationOf(relabeled, "__scrape_interval__", address);
  const timeoutMs = durationOf(relabeled, "__scrape_timeout__", address);
  if (intervalMs === settings.intervalMs && timeoutMs === settings.timeoutMs) return settings;
  if (timeoutMs > intervalMs) {
    throw new BadInputError(
      `Cannot scrape "${address}": __scrape_timeout__ must be at most __scrape_interval__`,
    );
  }
  return Object.freeze({ ...settings, intervalMs, timeoutMs });
}

function durationOf(labels: Labels, name: string, address: string): number {
  const durationMs = parseDurationMs(labels.get(name));
  if (durationMs < 100)
    throw new BadInputError(`Cannot scrape "${address}": ${name} must be at least 100ms`);
  return durationMs;
}
