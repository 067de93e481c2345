/** `dns_sd_configs`: the records of names become targets, as in Prometheus. */
import type { ConfigSection } from "../../exporter/shared/config/config-section.js";
import { messageOf, BadInputError } from "../../exporter/shared/model/errors.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import type { DnsRecord, DnsType, ResolveDns } from "../../exporter/shared/platform/resolve-dns.js";
import { formatHostPort } from "../fleet/ip-address.js";
import { PolledSource } from "./polled-source.js";
import { parseRefresh } from "./refresh-interval.js";
import type { TargetGroup } from "./target-group.js";

export interface DnsDiscovery {
  readonly names: readonly string[];
  readonly type: DnsType;
  /** For all types but SRV, whose records have their own. */
  readonly port: number;
  readonly refreshMs: number;
}

const TYPES = ["A", "AAAA", "SRV", "MX", "NS"] as const;
const NAME = "__meta_dns_name";
/** Every target has all of them; those of other types are empty. */
const HOST_LABELS: Partial<Record<DnsType, string>> = {
  SRV: "__meta_dns_srv_record_target",
  MX: "__meta_dns_mx_record_target",
  NS: "__meta_dns_ns_record_target",
};
const SRV_PORT = "__meta_dns_srv_record_port";

/** @throws {ConfigError} */
export function parseDnsDiscovery(section: ConfigSection): DnsDiscovery {
  const names = section.stringList("names", { default: [] });
  if (names.length === 0) section.fail("names", "is empty, it must hold at least one name");
  const text = section.string("type", { default: "SRV" });
  const type = TYPES.find((known) => known === text.toUpperCase());
  if (type === undefined) {
    return section.fail(
      "type",
      `is ${JSON.stringify(text)}, it must be one of ${TYPES.join(", ")}`,
    );
  }
  const port = section.integer("port", { default: 0, max: 65_535, truncates: true });
  if (port === 0 && type !== "SRV") {
    section.fail("port", `is missing, it is required for the type ${type}`);
  }
  const refreshMs = parseRefresh(section, "30s");
  section.rejectUnknownKeys();
  return { names, type, port, refreshMs };
}

/** Targets from name servers. A name that cannot be asked keeps its previous targets. */
export class DnsSource extends PolledSource {
  private readonly byName = new Map<string, TargetGroup[]>();

  constructor(
    private readonly discovery: DnsDiscovery,
    private readonly parts: { readonly log: Logger; readonly resolveDns: ResolveDns },
  ) {
    super(`dns ${discovery.names.join(" ")}`, discovery.refreshMs, parts.log);
  }

  protected override async read(): Promise<TargetGroup[]> {
    const { names, type } = this.discovery;
    const problems = await Promise.all(
      names.map(async (name) => {
        try {
          const records = await this.parts.resolveDns(name, type);
          this.byName.set(
            name,
            records.map((record) => this.groupOf(name, record)),
          );
          return undefined;
        } catch (error) {
          return `Cannot resolve "${name}" (${type}): ${messageOf(error)}`;
        }
      }),
    );
    // One name that fails must not hide the changes of the others.
    const failed = problems.filter((problem) => problem !== undefined);
    if (failed.length === names.length) throw new BadInputError(failed.join("; "));
    for (const problem of failed) this.noteFailure(problem);
    return names.flatMap((name) => this.byName.get(name) ?? []);
  }

  private groupOf(name: string, { host, port }: DnsRecord): TargetGroup {
    const { type, port: configured } = this.discovery;
    const label = HOST_LABELS[type];
    return {
      targets: [formatHostPort(host, port ?? configured)],
      labels: {
        [NAME]: name,
        // Prometheus shows the name of a record with its final dot.
        ...(label === undefined ? {} : { [label]: `${host}.` }),
        ...(type === "SRV" && port !== undefined ? { [SRV_PORT]: String(port) } : {}),
      },
      isFromRange: false,
    };
  }
}
