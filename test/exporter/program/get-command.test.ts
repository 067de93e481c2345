import assert from "node:assert/strict";
import { test } from "node:test";
import { getFamily, listFamilies, metricsUrl } from "../../../exporter/program/get-command.js";
import { formatTime } from "../../../exporter/shared/model/human-lines.js";
import { FAMILIES } from "../../../exporter/shared/model/family.js";
import { realFiles } from "../../../exporter/shared/platform/real-files.js";
import { systemClock } from "../../../exporter/shared/platform/clock.js";
import type { FakeAnswer } from "../../support/fake-master.js";
import { MemoryFiles } from "../../support/memory-files.js";
import { FakeMasters } from "../../support/fake-master.js";

const BODY = `# TYPE pihealth_exporter_build_info gauge
pihealth_exporter_build_info{version="1",nodejs="v20"} 1
pihealth_memory_total_bytes 4294967296
pihealth_memory_free_bytes 1073741824
pihealth_memory_used_ratio 0.804
pihealth_memory_used_ratio_average 0.8
`;

function setUp(answer: FakeAnswer) {
  const hosts = new FakeMasters();
  hosts.answer = () => answer;
  const lines: string[] = [];
  const notes: string[] = [];
  const parts = {
    clock: systemClock,
    files: new MemoryFiles(),
    sendHttp: hosts.sendHttp,
    writeLine: (line: string) => void lines.push(line),
    writeNote: (line: string) => void notes.push(line),
  };
  return { parts, lines, notes, hosts };
}

test("A family of another host is printed as its human line", async () => {
  const { parts, lines, hosts } = setUp({ status: 200, body: BODY });
  await getFamily("memory", { host: "pi4" }, parts);
  assert.equal(hosts.requests[0]?.url, "http://pi4:8732/metrics");
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /  4\.000GiB  1\.000GiB  80\.4%  80\.0%$/);
});

test("Values are found by labels, and the line has the time of the sampling", async () => {
  const body = `# TYPE pihealth_exporter_build_info gauge
pihealth_exporter_build_info{version="1",nodejs="v20"} 1
pihealth_disk_size_bytes{disk="sda"} 1099511627776
pihealth_disk_available_bytes{disk="sda"} 549755813888
pihealth_disk_used_ratio{disk="sda"} 0.5
pihealth_filesystem_readonly{device="/dev/sda1",fstype="ext4",mountpoint="/"} 0
pihealth_filesystem_size_bytes{device="/dev/sda1",fstype="ext4",mountpoint="/"} 1099511627776
pihealth_filesystem_available_bytes{device="/dev/sda1",fstype="ext4",mountpoint="/"} 549755813888
pihealth_filesystem_used_ratio{device="/dev/sda1",fstype="ext4",mountpoint="/"} 0.5
pihealth_collector_last_success_timestamp_seconds{collector="disk"} 1768230028
`;
  const { parts, lines } = setUp({ status: 200, body });
  await getFamily("disk", { host: "pi4" }, parts);
  const time = formatTime(1_768_230_028_000);
  assert.deepEqual(lines, [
    `${time}  0  disk  1.000TiB  512.0GiB  50.0%`,
    `${time}  1  /  1.000TiB  512.0GiB  50.0%`,
  ]);
});

test("Lines of all families begin with the name of the family, and missing values are dashes", async () => {
  const { parts, lines } = setUp({ status: 200, body: BODY });
  await getFamily("all", { host: "pi4" }, parts);
  assert.match(lines.find((line) => line.startsWith("cpu ")) ?? "", /  -  -  -  -  -  -$/);
});

test("The exporter of this machine is asked first", async () => {
  const { parts, lines, hosts } = setUp({ status: 200, body: BODY });
  await getFamily("memory", {}, parts);
  assert.equal(hosts.requests[0]?.url, "http://127.0.0.1:8732/metrics");
  assert.match(lines[0] ?? "", /80\.4%/);
});

for (const { name, answer } of [
  { name: "does not answer", answer: "unreachable" },
  { name: "wants a password", answer: 401 },
  { name: "is another program", answer: { status: 200, body: "node_load1 1\n" } },
  { name: "sends rubbish", answer: { status: 200, body: "<html>" } },
] as const) {
  test(`When the local exporter ${name}, the collectors are run`, async () => {
    const { parts, lines } = setUp(answer);
    await getFamily("memory", {}, { ...parts, files: realFiles });
    assert.match(
      lines[0] ?? "",
      /^\d{4}-\d\d-\d\d__\d\d:\d\d:\d\d  [\d.]+.?i?B  [\d.]+.?i?B  [\d.]+%  [\d.]+%$/,
    );
  });
}

for (const { name, host, answer, message } of [
  {
    name: "does not answer",
    host: "pi4",
    answer: "unreachable",
    message: /^Cannot get metrics of "pi4": /,
  },
  {
    name: "has no metrics",
    host: "pi4",
    answer: 404,
    message: /it answers status 404, it must be 200/,
  },
  {
    name: "sends rubbish",
    host: "pi4",
    answer: { status: 200, body: "<html>" },
    message: /^Cannot get metrics of "pi4": /,
  },
  {
    name: "is no host",
    host: "pi 4",
    answer: 200,
    message: /^Cannot ask "pi 4": it is not a host/,
  },
] as const) {
  test(`A host that ${name} is an error`, async () => {
    await assert.rejects(getFamily("memory", { host }, setUp(answer).parts), {
      code: "bad_input",
      message,
    });
  });
}

test("An unknown family is refused with a list of the families", async () => {
  await assert.rejects(getFamily("memry", {}, setUp(200).parts), {
    message: /it must be one of memory, cpu, .*, all/,
  });
});

test("The list has every family with its fields", () => {
  const lines: string[] = [];
  listFamilies((line) => lines.push(line));
  for (const family of FAMILIES) assert.ok(lines.some((line) => line.startsWith(`${family} `)));
});

for (const [host, url] of [
  ["pi4", "http://pi4:8732/metrics"],
  ["pi4:9000", "http://pi4:9000/metrics"],
  ["[::1]", "http://[::1]:8732/metrics"],
  ["[::1]:9000", "http://[::1]:9000/metrics"],
  ["https://pi4/pi/metrics", "https://pi4/pi/metrics"],
  ["http://pi4:1", "http://pi4:1/metrics"],
] as const) {
  test(`Host ${host} is asked at ${url}`, () => assert.equal(metricsUrl(host), url));
}
