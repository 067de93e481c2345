import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DEFAULT_COLLECTOR_SETTINGS,
  type CollectorSettings,
} from "../../../exporter/collectors/collector-settings.js";
import { chooseMounts } from "../../../exporter/collectors/mount-choice.js";
import { parseMounts, readMounts } from "../../../exporter/sources/mounts.js";
import type { FileTree } from "../../../exporter/sources/file-tree.js";

const line = (place: string, device = "8:1", rest = "ext4 /dev/sda1 rw", root = "/"): string =>
  `36 35 ${device} ${root} ${place} rw,noatime shared:1 - ${rest}`;

for (const { name, text, mountPoints } of [
  {
    name: "space, tab, line feed and backslash",
    text: line("/a\\040b\\011c\\012d\\134e"),
    mountPoints: ["/a b\tc\nd\\e"],
  },
  {
    name: "an escape that only looks like one",
    text: line("/a\\134040"),
    mountPoints: ["/a\\040"],
  },
  {
    name: "several optional fields, and none",
    text: `36 35 8:1 / /a rw shared:1 master:2 - ext4 x rw\n36 35 8:2 / /b rw - ext4 y rw`,
    mountPoints: ["/a", "/b"],
  },
  { name: "a mount point that is a dash", text: line("-"), mountPoints: ["-"] },
  {
    name: "lines that are cut off",
    text: `36 35 8:1 / /a rw shared:1\n36\n\n${line("/b")}`,
    mountPoints: ["/b"],
  },
  { name: "nothing", text: "", mountPoints: [] },
]) {
  test(`mount points are read from mountinfo: ${name}`, () => {
    assert.deepEqual(
      parseMounts(text).map(({ mountPoint }) => mountPoint),
      mountPoints,
    );
  });
}

test("the first option says that a file system is read-only, and ext4 after an error", () => {
  const options = ["rw,subvol=/a,ro", "ro,subvol=/b", "rw,emergency_ro", "rw,shutdown,x", "ro"];
  const text = options.map((option, index) => `${index} 35 8:1 / /a rw - ext4 x ${option}`);
  assert.deepEqual(
    parseMounts(text.join("\n")).map(({ isReadOnly }) => isReadOnly),
    [false, true, true, true, true],
  );
});

/** Rows of a real list: id, parent, place, source. */
for (const { name, rows, seen } of [
  {
    name: "moved onto a younger one",
    rows: ["65 66 /b A", "66 64 /b B"],
    seen: ["/b A"],
  },
  { name: "put beneath another one", rows: ["82 83 /q top", "83 64 /q new"], seen: ["/q top"] },
  { name: "stacked", rows: ["1 9 /e 1", "2 1 /e 2", "3 2 /e 3"], seen: ["/e 3"] },
  {
    name: "with a mount below it, then covered by an older one",
    rows: ["5 7 /c cover", "7 64 /c first", "8 7 /c/d inner", "9 5 /c/d other", "6 8 /c/d/x y"],
    seen: ["/c cover", "/c/d other"],
  },
  {
    name: "below a folder that is covered later",
    rows: ["70 64 /h/i inner", "71 64 /h cover", "72 70 /h/i/k inmost"],
    seen: ["/h cover"],
  },
  {
    name: "that is its own parent, and parents in a circle",
    rows: ["1 1 / root", "2 3 /x a", "3 2 /y b", "4 1 /z c"],
    seen: ["/ root", "/x a", "/y b", "/z c"],
  },
]) {
  test(`of several mounts at one place, the one that is seen: a mount ${name}`, async () => {
    const lines = rows.map((row, index) => {
      const [id, parent, place, source] = row.split(" ");
      return `${id} ${parent} 0:${index} / ${place} rw - tmpfs ${source} rw`;
    });
    const mounts = await readMounts(procfsWith({ "self/mountinfo": lines.join("\n") }));
    assert.deepEqual(
      mounts.map(({ mountPoint, source }) => `${mountPoint} ${source}`),
      seen,
    );
  });
}

test("a file system is read-only when it is so itself, not when a mount of it is", () => {
  const text = [
    "36 35 8:1 / /a ro,relatime - ext4 x rw",
    "36 35 8:2 / /b rw,relatime - ext4 x ro,errors=remount-ro",
    "36 35 8:3 / /c rw,relatime - ext4 x rw,errors=remount-ro",
  ].join("\n");
  assert.deepEqual(
    parseMounts(text).map(({ isReadOnly }) => isReadOnly),
    [false, true, false],
  );
});

function procfsWith(files: Record<string, string | Uint8Array>): FileTree {
  const readBytes = async (filePath: string): Promise<Uint8Array> => {
    const content = files[filePath];
    if (content === undefined) throw Object.assign(new Error("no"), { code: "EACCES" });
    return Buffer.from(content);
  };
  const readText = async (filePath: string): Promise<string> =>
    Buffer.from(await readBytes(filePath)).toString();
  return { readText, readBytes, exists: async () => true, list: async () => [] };
}

test("a service in a read-only mount namespace sees the mounts of the machine", async () => {
  const machine = [line("/"), line("/home", "8:2"), line("/secret", "8:3")].join("\n");
  const own = [line("/").replace("rw,noatime", "ro"), line("/home", "0:99", "tmpfs tmpfs ro")].join(
    "\n",
  );
  const mounts = await readMounts(procfsWith({ "1/mountinfo": machine, "self/mountinfo": own }));
  assert.deepEqual(
    mounts.map(({ mountPoint, isReadOnly, isReachable }) => [mountPoint, isReadOnly, isReachable]),
    [
      ["/", false, true],
      ["/home", false, false],
      ["/secret", false, false],
    ],
  );
});

test("where process 1 is hidden, the exporter's own mounts are used", async () => {
  const mounts = await readMounts(procfsWith({ "self/mountinfo": line("/") }));
  assert.deepEqual(
    mounts.map(({ mountPoint }) => mountPoint),
    ["/"],
  );
});

const usual = DEFAULT_COLLECTOR_SETTINGS.disk;
const CHOICES: readonly {
  name: string;
  lines: string[];
  settings?: Partial<CollectorSettings["disk"]>;
  chosen: string[];
}[] = [
  {
    name: "a bound folder is not shown again",
    lines: [line("/srv", "8:1", "ext4 x rw", "/srv/data"), line("/")],
    chosen: ["/"],
  },
  {
    name: "a file system mounted twice is shown at the shorter path",
    lines: [line("/mnt/long"), line("/mnt")],
    chosen: ["/mnt"],
  },
  {
    name: "of subvolumes the root is shown",
    lines: [
      line("/mnt", "0:30", "btrfs /dev/sda2 rw"),
      line("/", "0:30", "btrfs /dev/sda2 rw", "/@"),
    ],
    chosen: ["/"],
  },
  {
    name: "of two mounts at one place the later is seen",
    lines: [line("/mnt", "8:1"), line("/mnt", "8:2", "nfs4 nas:/x rw")],
    chosen: [],
  },
  {
    name: "containers' overlays are left out",
    lines: [line("/x/merged", "0:50", "overlay overlay rw")],
    chosen: [],
  },
  {
    name: "an overlay as root is shown",
    lines: [line("/", "0:50", "overlay overlayroot rw")],
    chosen: ["/"],
  },
  {
    name: "tmpfs is shown, but not the system's own",
    lines: [
      line("/tmp", "0:51", "tmpfs tmpfs rw"),
      line("/dev/shm", "0:52", "tmpfs tmpfs rw"),
      line("/run/user/1000", "0:53", "tmpfs tmpfs rw"),
    ],
    chosen: ["/tmp"],
  },
  {
    name: "network file systems are left out",
    lines: ["nfs4", "cifs", "fuse.sshfs", "9p"].map((type, index) =>
      line(`/n${index}`, `0:6${index}`, `${type} x rw`),
    ),
    chosen: [],
  },
  {
    name: "network file systems are shown when wanted",
    lines: [line("/nas", "0:60", "nfs4 x rw")],
    settings: { includesNetwork: true },
    chosen: ["/nas"],
  },
  {
    name: "a folder's name that begins like an excluded one is another folder",
    lines: [line("/devices", "8:5")],
    chosen: ["/devices"],
  },
  {
    name: "excluded mounts hide what is below them",
    lines: [line("/media/usb/a", "8:6"), line("/media", "8:7")],
    settings: { excludedMounts: ["/media"] },
    chosen: [],
  },
];
for (const { name, lines, settings = {}, chosen } of CHOICES) {
  test(`file systems to show are chosen: ${name}`, async () => {
    const mounts = await readMounts(procfsWith({ "self/mountinfo": lines.join("\n") }));
    const found = chooseMounts(mounts, { ...usual, ...settings });
    assert.deepEqual(
      found.map(({ mountPoint }) => mountPoint),
      chosen,
    );
  });
}

test("a thousand mounts are all asked", () => {
  const lines = Array.from({ length: 1000 }, (_, index) => line(`/m${index}`, `8:${index}`));
  assert.equal(chooseMounts(parseMounts(lines.join("\n")), usual).length, 1000);
});
