import assert from "node:assert/strict";
import { test } from "node:test";
import { BrokenSourceError, parseNumber } from "../../../exporter/sources/broken-source-error.js";
import { cpuUsageRatio, readCpuTimes } from "../../../exporter/sources/cpu-times.js";
import { createDiskTree, type FileTree } from "../../../exporter/sources/file-tree.js";
import {
  findThrottlingFile,
  parseThrottling,
  readBoard,
} from "../../../exporter/sources/firmware.js";
import { readKernelConstants } from "../../../exporter/sources/kernel-constants.js";
import { MemoryFiles } from "../../support/memory-files.js";

/** A tree of a few files, given by their paths. */
function treeOf(contents: Readonly<Record<string, string | Uint8Array>>): FileTree {
  const files = new MemoryFiles();
  for (const [filePath, content] of Object.entries(contents)) files.put(`/${filePath}`, content);
  return createDiskTree("/", files);
}

async function usageOf(first: string, second: string): Promise<number | undefined> {
  const [earlier, later] = [
    await readCpuTimes(treeOf({ stat: first })),
    await readCpuTimes(treeOf({ stat: second })),
  ];
  return cpuUsageRatio(earlier.all, later.all);
}

for (const { name, second, usage } of [
  { name: "half user, half idle", second: "cpu 150 0 0 150 0 0 0 0 0 0", usage: 0.5 },
  { name: "waiting for a disk is not work", second: "cpu 100 0 0 100 50 0 0 0 0 0", usage: 0 },
  {
    name: "time stolen by the host is lost to work",
    second: "cpu 100 0 0 150 0 0 0 50 0 0",
    usage: 0.5,
  },
  {
    name: "guest time is in user time already",
    second: "cpu 150 0 0 150 0 0 0 0 50 0",
    usage: 0.5,
  },
  {
    name: "idle time that steps back counts as none",
    second: "cpu 150 0 0 90 0 0 0 0 0 0",
    usage: 1,
  },
  { name: "nothing passed", second: "cpu 100 0 0 100 0 0 0 0 0 0", usage: undefined },
  { name: "a kernel without steal and guest", second: "cpu 150 0 0 150 0 0 0", usage: 0.5 },
]) {
  test(`processor usage is computed from the counters: ${name}`, async () => {
    assert.equal(
      await usageOf("cpu 100 0 0 100 0 0 0 0 0 0\nintr 1\n", `${second}\nintr 2 3\n`),
      usage,
    );
  });
}

test("offline cores have no counters", async () => {
  const { cores } = await readCpuTimes(
    treeOf({ stat: "cpu  3 0 0 3 0\ncpu0 1 0 0 1 0\ncpu3 2 0 0 2 0\nintr 9\n" }),
  );
  assert.deepEqual([...cores.keys()], ["0", "3"]);
});

for (const text of ["", "cpux 1 2 3 4", "intr 5", "cpu", "cpu 1 2", "cpu a b c d"]) {
  test(`a broken /proc/stat is an error that names it: ${JSON.stringify(text)}`, async () => {
    await assert.rejects(readCpuTimes(treeOf({ stat: text })), (error: Error) => {
      return (
        error instanceof BrokenSourceError && error.message.startsWith('Cannot read "/proc/stat"')
      );
    });
  });
}

function auxv(wordBytes: 4 | 8, pairs: readonly (readonly [number, number])[]): Uint8Array {
  const buffer = Buffer.alloc(pairs.length * 2 * wordBytes);
  pairs.flat().forEach((value, index) => {
    if (wordBytes === 8) buffer.writeBigUInt64LE(BigInt(value), index * 8);
    else buffer.writeUInt32LE(value, index * 4);
  });
  return buffer;
}

for (const { name, bytes, pageSizeBytes } of [
  {
    name: "64 bit",
    bytes: auxv(8, [
      [33, 0x7ffe1234],
      [6, 4096],
      [17, 100],
      [0, 0],
    ]),
    pageSizeBytes: 4096,
  },
  {
    name: "64 bit with large pages",
    bytes: auxv(8, [
      [6, 16_384],
      [17, 100],
      [0, 0],
    ]),
    pageSizeBytes: 16_384,
  },
  {
    name: "32 bit",
    bytes: auxv(4, [
      [33, 0x7efe1000],
      [6, 4096],
      [17, 100],
      [0, 0],
    ]),
    pageSizeBytes: 4096,
  },
  { name: "cut off", bytes: auxv(8, [[6, 16_384]]).subarray(0, 11), pageSizeBytes: 4096 },
  { name: "empty", bytes: new Uint8Array(), pageSizeBytes: 4096 },
] as const) {
  test(`the page size comes from the kernel's auxiliary vector: ${name}`, async () => {
    const found = await readKernelConstants(treeOf({ "self/auxv": bytes }));
    assert.deepEqual(found, { pageSizeBytes, ticksPerSecond: 100 });
  });
}

for (const { text, bits } of [
  { text: "0\n", bits: { now: 0, sinceBoot: 0 } },
  { text: "50005\n", bits: { now: 5, sinceBoot: 5 } },
  { text: "0x80008", bits: { now: 8, sinceBoot: 8 } },
  { text: "fffffff0", bits: { now: 0, sinceBoot: 15 } },
  { text: "", bits: undefined },
  { text: "throttled=0x0", bits: undefined },
  { text: "123456789", bits: undefined },
]) {
  test(`get_throttled is a hexadecimal bit set: ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseThrottling(text), bits);
  });
}

for (const soc of ["soc", "soc@107c000000"]) {
  test(`get_throttled is found below ${soc}`, async () => {
    const file = `devices/platform/${soc}/${soc}:firmware/get_throttled`;
    assert.equal(await findThrottlingFile(treeOf({ [file]: "0" })), file);
  });
}

for (const { name, sysfs, cpuinfo, board } of [
  {
    name: "device tree",
    sysfs: {
      "firmware/devicetree/base/model": "Pi X\0",
      "firmware/devicetree/base/serial-number": "0a\0",
    },
    cpuinfo: "Serial : 99\n",
    board: { model: "Pi X", serial: "0a" },
  },
  {
    name: "an old kernel's cpuinfo",
    sysfs: {},
    cpuinfo: "processor\t: 0\n\nSerial\t\t: 00ff\nModel\t\t: Raspberry Pi 2\n",
    board: { model: "Raspberry Pi 2", serial: "00ff" },
  },
  {
    name: "a PC",
    sysfs: { "class/dmi/id/product_name": "NUC\n", "class/dmi/id/product_serial": "S1\n" },
    cpuinfo: "model name\t: x\n",
    board: { model: "NUC", serial: "S1" },
  },
  { name: "none of them", sysfs: {}, cpuinfo: "", board: { model: undefined, serial: undefined } },
]) {
  test(`the board is named by ${name}`, async () => {
    assert.deepEqual(await readBoard({ procfs: treeOf({ cpuinfo }), sysfs: treeOf(sysfs) }), board);
  });
}

for (const text of [undefined, "", " ", "abc", "1e999", "NaN"]) {
  test(`a text that is not a number is an error: ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseNumber(text, "/proc/x"), {
      name: "BrokenSourceError",
      message: /^Cannot read "\/proc\/x": it holds .*, it must hold a number$/,
    });
  });
}
