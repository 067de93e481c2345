import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";
import type { DnsRecord } from "../../../exporter/shared/platform/resolve-dns.js";
import { DnsSource, parseDnsDiscovery } from "../../../scraper/discovery/dns-source.js";

const discoveryOf = (text: string) => parseDnsDiscovery(ConfigSection.parse(text, "a.yml"));

/** Records by name and type. */
function sourceOf(text: string, answers: Map<string, DnsRecord[] | Error>): DnsSource {
  return new DnsSource(discoveryOf(text), {
    log: silentLogger,
    resolveDns: async (name, type) => {
      const answer = answers.get(`${name} ${type}`) ?? [];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
}

const host = (name: string, port?: number): DnsRecord => ({ host: name, port });

test("Records of each type become targets with the labels of Prometheus", async () => {
  const cases: readonly [text: string, key: string, record: DnsRecord, expected: object][] = [
    [
      "names: [_m._tcp.lan]",
      "_m._tcp.lan SRV",
      host("pi1.lan", 9100),
      {
        "pi1.lan:9100": {
          __meta_dns_name: "_m._tcp.lan",
          __meta_dns_srv_record_target: "pi1.lan.",
          __meta_dns_srv_record_port: "9100",
        },
      },
    ],
    [
      "{names: [a.lan], type: a, port: 9100}",
      "a.lan A",
      host("10.0.0.1"),
      { "10.0.0.1:9100": { __meta_dns_name: "a.lan" } },
    ],
    [
      "{names: [a.lan], type: AAAA, port: 9100}",
      "a.lan AAAA",
      host("fd00::1"),
      { "[fd00::1]:9100": { __meta_dns_name: "a.lan" } },
    ],
    [
      "{names: [lan], type: MX, port: 25}",
      "lan MX",
      host("mail.lan"),
      { "mail.lan:25": { __meta_dns_name: "lan", __meta_dns_mx_record_target: "mail.lan." } },
    ],
    [
      "{names: [lan], type: NS, port: 53}",
      "lan NS",
      host("ns.lan"),
      { "ns.lan:53": { __meta_dns_name: "lan", __meta_dns_ns_record_target: "ns.lan." } },
    ],
  ];
  for (const [text, key, record, expected] of cases) {
    const source = sourceOf(text, new Map([[key, [record]]]));
    assert.equal(await source.refresh(), true);
    assert.deepEqual(
      Object.fromEntries(source.groups().map(({ targets, labels }) => [targets[0], labels])),
      expected,
    );
  }
});

test("A name that cannot be resolved keeps its targets, one without records loses them", async () => {
  const answers = new Map<string, DnsRecord[] | Error>([
    ["a A", [host("10.0.0.1")]],
    ["b A", [host("10.0.0.2")]],
  ]);
  const source = sourceOf("{names: [a, b], type: A, port: 1}", answers);
  const targets = (): string[] => source.groups().flatMap((group) => group.targets);
  await source.refresh();
  answers.set("a A", new Error("ETIMEOUT"));
  answers.set("b A", [host("10.0.0.3")]);
  assert.equal(await source.refresh(), true);
  assert.deepEqual(targets(), ["10.0.0.1:1", "10.0.0.3:1"]);
  assert.equal(source.failures, 1);
  answers.set("b A", new Error("ETIMEOUT"));
  assert.equal(await source.refresh(), false);
  answers.set("a A", []);
  assert.equal(await source.refresh(), true);
  assert.deepEqual(targets(), ["10.0.0.3:1"]);
});

test("A wrong entry of dns_sd_configs is refused", () => {
  for (const [text, message] of [
    ["names: []", /names is empty/],
    ["{names: [a], type: A}", /port is missing, it is required for the type A/],
    ["{names: [a], type: TXT, port: 1}", /type is "TXT", it must be one of A, AAAA, SRV, MX, NS/],
    ["{names: [a], refresh_interval: 1ms}", /refresh_interval is too short/],
  ] as const) {
    assert.throws(() => discoveryOf(text), message);
  }
});
