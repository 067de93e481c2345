import { crc32, deflateRawSync, gzipSync, constants } from "node:zlib";

/** Lines with the time of the last sampling, which would be old in a recording. */
const SAMPLING_LINE = /^pihealth_collector_last_success_timestamp_seconds\{(.*)\} /;
const SAMPLING_HEAD =
  "# HELP pihealth_collector_last_success_timestamp_seconds Time of the last good run of a collector.\n" +
  "# TYPE pihealth_collector_last_success_timestamp_seconds gauge\n";

const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
const STORED_HEADER_BYTES = 5;
const GZIP_TRAILER_BYTES = 8;
/** The last block, not compressed (RFC 1951, section 3.2.4). */
const LAST_STORED_BLOCK = 1;
const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n";

/** A response to a scrape that costs almost nothing. */
export interface PreparedAnswer {
  of(isGzip: boolean): Buffer;
}

/** The same bytes each time. */
export function prepareAnswer(text: string): PreparedAnswer {
  const identity = Buffer.from(text);
  const answers = {
    plain: answerOf(identity, ""),
    gzip: answerOf(gzipSync(identity), "Content-Encoding: gzip\r\n"),
  };
  return { of: (isGzip) => (isGzip ? answers.gzip : answers.plain) };
}

/**
 * The same bytes except for the sampling times, which are the time of the response. They are at the
 * end of the body, in an uncompressed block, so nothing has to be compressed per response.
 */
export function prepareStampedAnswer(text: string): PreparedAnswer {
  const lines = text.split("\n");
  const collectors = lines
    .map((line) => SAMPLING_LINE.exec(line)?.[1])
    .filter((labels) => labels !== undefined);
  const fixed = Buffer.from(
    lines.filter((line) => !line.includes("pihealth_collector_last_success")).join("\n"),
  );
  const deflated = deflateRawSync(fixed, { finishFlush: constants.Z_SYNC_FLUSH });
  const fixedCrc = crc32(fixed);
  return {
    of: (isGzip) => {
      const stamps = stampsOf(collectors);
      if (!isGzip) return answerOf(Buffer.concat([fixed, stamps]), "");
      const tail = storedTail(stamps, crc32(stamps, fixedCrc), fixed.length + stamps.length);
      return answerOf(Buffer.concat([GZIP_HEADER, deflated, tail]), "Content-Encoding: gzip\r\n");
    },
  };
}

function stampsOf(collectors: readonly string[]): Buffer {
  const seconds = (Date.now() / 1000).toFixed(3);
  const lines = collectors.map(
    (labels) => `pihealth_collector_last_success_timestamp_seconds{${labels}} ${seconds}\n`,
  );
  return Buffer.from(SAMPLING_HEAD + lines.join(""));
}

/** @param length length of the whole body */
function storedTail(stamps: Buffer, crc: number, length: number): Buffer {
  const tail = Buffer.alloc(STORED_HEADER_BYTES + stamps.length + GZIP_TRAILER_BYTES);
  tail.writeUInt8(LAST_STORED_BLOCK, 0);
  tail.writeUInt16LE(stamps.length, 1);
  tail.writeUInt16LE(~stamps.length & 0xffff, 3);
  stamps.copy(tail, STORED_HEADER_BYTES);
  tail.writeUInt32LE(crc, STORED_HEADER_BYTES + stamps.length);
  tail.writeUInt32LE(length, STORED_HEADER_BYTES + stamps.length + 4);
  return tail;
}

function answerOf(body: Buffer, encoding: string): Buffer {
  return Buffer.concat([
    Buffer.from(`${HEAD}${encoding}Content-Length: ${body.length}\r\n\r\n`),
    body,
  ]);
}
