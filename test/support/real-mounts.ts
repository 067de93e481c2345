/**
 * Mounts file systems and prints what the disk collector and df find, as JSON. Run as a program in
 * mount and process namespaces of its own: `real-mounts.js FOLDER`.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DEFAULT_COLLECTOR_SETTINGS } from "../../exporter/collectors/collector-settings.js";
import { createDiskCollector } from "../../exporter/collectors/disk.js";
import { systemClock, type Clock } from "../../exporter/shared/platform/clock.js";
import { askFileSystemProgram } from "../../exporter/shared/platform/file-system-program.js";
import type { FileSystemFacts, SystemPath } from "../../exporter/shared/platform/files.js";
import { realFiles } from "../../exporter/shared/platform/real-files.js";
import { FileSystems } from "../../exporter/sources/file-systems.js";
import { createSources } from "../../exporter/sources/sources.js";
import { REPOSITORY } from "./repository.js";

/** What the program prints: the lines of the rows below its folder, and the levels. */
export interface MountReport {
  readonly first: readonly string[];
  /** After the file systems in `silenced` stopped answering. */
  readonly afterSilence: readonly string[];
  /** Size and available bytes by mount point, as df prints them. */
  readonly df: Readonly<Record<string, string>>;
}

const FUSE_PROGRAM = path.join(REPOSITORY, "dist/test/support/fuse-file-system.js");

/**
 * A clock on which a deadline passes as soon as no living file system is being asked, so the test
 * depends on no speed.
 */
class Deadlines implements Clock {
  private asked = 0;
  private waiting: (() => void)[] = [];

  wallMs = (): number => systemClock.wallMs();
  monotonicMs = (): number => systemClock.monotonicMs();

  async sleep(_delayMs: number, signal?: AbortSignal): Promise<void> {
    if (this.asked > 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
    signal?.throwIfAborted();
  }

  /** A question to a living file system. */
  async answer(question: Promise<FileSystemFacts>): Promise<FileSystemFacts> {
    this.asked++;
    try {
      return await question;
    } finally {
      this.asked--;
      if (this.asked === 0) for (const resolve of this.waiting.splice(0)) setImmediate(resolve);
    }
  }
}

const children: ChildProcess[] = [];

async function mountFuse(mountPoint: string, options: Record<string, unknown>): Promise<void> {
  mkdirSync(mountPoint);
  const child = spawn(process.execPath, [FUSE_PROGRAM, mountPoint, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  await once(child.stdout, "data");
}

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "latin1" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
  return stdout;
}

async function report(folder: string): Promise<MountReport> {
  run("mount", ["-t", "tmpfs", "-o", "size=20m", "base", folder]);
  const silent = path.join(folder, "silent");
  const never = path.join(folder, "never");
  const usual = {
    type: "fuse.sshfs",
    blockSize: 4096,
    fragmentSize: 4096,
    blocks: 1000,
    free: 500,
  };
  writeFileSync(never, "");
  for (const name of ["dead0", "dead1"])
    await mountFuse(path.join(folder, name), { ...usual, source: `${name}:/v`, silentFile: never });
  await mountFuse(path.join(folder, "units"), {
    ...{ ...usual, source: "units:/v", silentFile: path.join(folder, "unused") },
    ...{ blockSize: 1_048_576, fragmentSize: 4096, blocks: 120_699_413, free: 60_000_000 },
  });
  await mountFuse(path.join(folder, "full"), {
    ...{ ...usual, source: "full:/v", silentFile: silent, free: 5 },
  });
  run("sh", [
    "-c",
    'cd "$1" && d=$(printf "lat\\344n x") && mkdir "$d" && mount -t tmpfs -o size=1m latin "$d"',
    "sh",
    folder,
  ]);
  mkdirSync(path.join(folder, "zz"));
  run("mount", ["-t", "tmpfs", "-o", "size=2m", "local", path.join(folder, "zz")]);
  mkdirSync(path.join(folder, "a"));
  run("mount", ["--bind", path.join(folder, "zz"), path.join(folder, "a")]);
  run("mount", ["-o", "remount,ro,bind", path.join(folder, "a")]);

  const dead = new Set([path.join(folder, "dead0"), path.join(folder, "dead1")]);
  const clock = new Deadlines();
  const ask = (mount: SystemPath, question: Promise<FileSystemFacts>): Promise<FileSystemFacts> =>
    typeof mount === "string" && dead.has(mount) ? question : clock.answer(question);
  const sources = createSources({ clock: systemClock, files: realFiles });
  const fileSystems = new FileSystems({
    clock,
    statfs: (mount) => ask(mount, realFiles.fileSystemFacts(mount)),
    program: (mount, signal) => ask(mount, askFileSystemProgram(mount, signal)),
  });
  const disk = { ...DEFAULT_COLLECTOR_SETTINGS.disk, includesNetwork: true };
  const collector = createDiskCollector(
    { ...sources, fileSystems },
    { ...DEFAULT_COLLECTOR_SETTINGS, disk },
  );
  const collect = async (): Promise<string[]> => {
    const samples = await collector.collect(new AbortController().signal);
    return samples.flatMap(({ metric: { name }, labels, value }) => {
      const place = labels["mountpoint"] ?? labels["family"] ?? "";
      const isOurs = place === "disk" || place.startsWith(folder);
      return isOurs ? [`${name} ${place.replace(folder, "") || "/"} ${value}`] : [];
    });
  };
  const first = await collect();
  const df: Record<string, string> = {};
  for (const name of ["units", "zz", "full"]) {
    const columns = run("df", ["-B1", "--output=size,avail", path.join(folder, name)]);
    df[`/${name}`] = (columns.split("\n")[1] ?? "").trim().replace(/ +/, " ");
  }
  writeFileSync(silent, "");
  dead.add(path.join(folder, "full"));
  return { first, afterSilence: await collect(), df };
}

const [folder = ""] = process.argv.slice(2);
try {
  process.stdout.write(JSON.stringify(await report(folder)));
} finally {
  for (const child of children) child.kill("SIGKILL");
}
process.exit(0);
