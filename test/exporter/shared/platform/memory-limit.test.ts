import assert from "node:assert/strict";
import { test } from "node:test";
import { readMemoryLimit } from "../../../../exporter/shared/platform/memory-limit.js";

const MACHINE_BYTES = 8_000_000;

const CASES: { name: string; files: Record<string, string>; limit: number }[] = [
  { name: "no cgroups", files: {}, limit: MACHINE_BYTES },
  {
    name: "version 2: the least of memory.max and memory.high, here and above",
    files: {
      "/proc/self/cgroup": "0::/system.slice/pihealthd.service\n",
      "/sys/fs/cgroup/system.slice/pihealthd.service/memory.max": "5000000\n",
      "/sys/fs/cgroup/system.slice/pihealthd.service/memory.high": "max\n",
      "/sys/fs/cgroup/system.slice/memory.high": "4000000\n",
      "/sys/fs/cgroup/system.slice/memory.max": "max\n",
    },
    limit: 4_000_000,
  },
  {
    name: "version 2 in a container: the root of its namespace has the limit",
    files: { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "3000000\n" },
    limit: 3_000_000,
  },
  {
    name: "version 1",
    files: {
      "/proc/self/cgroup": "5:cpu,cpuacct:/a\n4:memory:/a/b\n1:name=systemd:/a\n0::/a\n",
      "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": "9223372036854771712\n",
      "/sys/fs/cgroup/memory/a/memory.limit_in_bytes": "2000000\n",
    },
    limit: 2_000_000,
  },
  {
    name: "a limit above the memory of the machine",
    files: { "/proc/self/cgroup": "0::/x\n", "/sys/fs/cgroup/x/memory.max": "9000000" },
    limit: MACHINE_BYTES,
  },
];

for (const { name, files, limit } of CASES) {
  test(`memory limit: ${name}`, async () => {
    const readText = async (filePath: string): Promise<string> => {
      const text = files[filePath];
      if (text === undefined) throw new Error(`ENOENT: ${filePath}`);
      return text;
    };
    assert.equal(await readMemoryLimit({ readText }, MACHINE_BYTES), limit);
  });
}
