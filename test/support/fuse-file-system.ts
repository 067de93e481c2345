/**
 * A FUSE file system with one empty folder, for tests of sizes and of servers that do not answer.
 *
 * Run as a program: `fuse-file-system.js MOUNTPOINT JSON`. It writes a line when it is mounted, and
 * serves until it is killed. Each message of the kernel is answered as linux/fuse.h describes it.
 */
import { spawnSync } from "node:child_process";
import { closeSync, openSync, read, writeSync } from "node:fs";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { JsonFields } from "../../exporter/shared/codec/json-fields.js";

const readFrom = promisify(read);

const OPCODES = { forget: 2, getattr: 3, statfs: 17, init: 26, batchForget: 42 };
const NOT_IMPLEMENTED = -38;
const IN_HEADER_BYTES = 40;
const OUT_HEADER_BYTES = 16;
const MAX_REQUEST_BYTES = 1_048_576;

interface Served {
  readonly type: string;
  readonly source: string;
  readonly blockSize: number;
  readonly fragmentSize: number;
  readonly blocks: number;
  readonly free: number;
  /** While this file exists, statfs is never answered. */
  readonly silentFile: string;
}

async function serve(mountPoint: string, served: Served): Promise<void> {
  const device = openSync("/dev/fuse", "r+");
  const options = `fd=3,rootmode=40000,user_id=0,group_id=0,allow_other`;
  const mounted = spawnSync(
    "mount",
    ["-i", "-t", served.type, "-o", options, served.source, mountPoint],
    { stdio: ["ignore", "inherit", "inherit", device] },
  );
  if (mounted.status !== 0) process.exit(1);
  process.stdout.write("mounted\n");
  const request = Buffer.alloc(MAX_REQUEST_BYTES);
  for (;;) {
    const { bytesRead } = await readFrom(device, request, 0, request.length, null);
    if (bytesRead < IN_HEADER_BYTES) break;
    const body = answerTo(request.readUInt32LE(4), served);
    if (body === undefined) continue;
    const error = body === "unknown" ? NOT_IMPLEMENTED : 0;
    const payload = body === "unknown" ? Buffer.alloc(0) : body;
    const head = Buffer.alloc(OUT_HEADER_BYTES);
    head.writeUInt32LE(OUT_HEADER_BYTES + payload.length, 0);
    head.writeInt32LE(error, 4);
    request.copy(head, 8, 8, 16); // The id of the request.
    writeSync(device, Buffer.concat([head, payload]));
  }
  closeSync(device);
}

/** @returns undefined for a message without an answer */
function answerTo(opcode: number, served: Served): Buffer | "unknown" | undefined {
  switch (opcode) {
    case OPCODES.forget:
    case OPCODES.batchForget:
      return undefined;
    case OPCODES.init: {
      const reply = Buffer.alloc(64);
      [7, 31, 65_536].forEach((value, index) => reply.writeUInt32LE(value, index * 4));
      reply.writeUInt16LE(16, 16);
      reply.writeUInt16LE(12, 18);
      reply.writeUInt32LE(65_536, 20);
      reply.writeUInt32LE(1, 24);
      return reply;
    }
    case OPCODES.getattr: {
      const reply = Buffer.alloc(16 + 88);
      reply.writeBigUInt64LE(1n, 0);
      reply.writeBigUInt64LE(1n, 16);
      reply.writeUInt32LE(0o40755, 16 + 60);
      reply.writeUInt32LE(2, 16 + 64);
      return reply;
    }
    case OPCODES.statfs: {
      if (existsSync(served.silentFile)) return undefined;
      const reply = Buffer.alloc(80);
      [served.blocks, served.free, served.free, 1000, 900].forEach((value, index) =>
        reply.writeBigUInt64LE(BigInt(value), index * 8),
      );
      [served.blockSize, 255, served.fragmentSize].forEach((value, index) =>
        reply.writeUInt32LE(value, 40 + index * 4),
      );
      return reply;
    }
    default:
      return "unknown";
  }
}

const [mountPoint = "", json = "{}"] = process.argv.slice(2);
const fields = JsonFields.parse(json, "the file system to serve");
await serve(mountPoint, {
  type: fields.text("type"),
  source: fields.text("source"),
  blockSize: fields.integer("blockSize"),
  fragmentSize: fields.integer("fragmentSize"),
  blocks: fields.integer("blocks"),
  free: fields.integer("free"),
  silentFile: fields.text("silentFile"),
});
