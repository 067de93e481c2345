import { itemAt } from "../../exporter/shared/model/get-or-throw.js";
import http from "node:http";
import type { Labels } from "../../exporter/shared/model/labels.js";

// Protocol buffer tags: field number times eight plus wire type (remote.proto, types.proto).
const TIME_SERIES = 0x0a;
const LABEL = 0x0a;
const LABEL_NAME = 0x0a;
const LABEL_VALUE = 0x12;
const SAMPLE = 0x12;
const SAMPLE_VALUE = 0x09;
const SAMPLE_TIMESTAMP = 0x10;
/** A double with its tag, and a present-day time in milliseconds with its tag. */
const SAMPLE_BYTES = 9 + 7;
/** Tag of a snappy literal whose length is in the following four bytes (format_description.txt). */
const LITERAL_OF_LONG_LENGTH = 0xfc;
const HEADER_BYTES = 16;

/** Consecutive rows of one target: the values of series `s` are `values[row * series + s]`. */
export interface RowsToSend {
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
}

/** Sends samples of one target with Prometheus' remote write protocol, version 1. */
export class RemoteWriter {
  private readonly heads: readonly Buffer[];

  constructor(
    private readonly url: string,
    private readonly agent: http.Agent,
    series: readonly Labels[],
  ) {
    this.heads = series.map(encodeLabels);
  }

  async send(rows: RowsToSend): Promise<void> {
    const body = this.encode(rows);
    const headers = {
      "Content-Type": "application/x-protobuf",
      "Content-Encoding": "snappy",
      "X-Prometheus-Remote-Write-Version": "0.1.0",
      "Content-Length": body.length,
    };
    const { status, text } = await new Promise<{ status: number; text: string }>(
      (resolve, reject) => {
        const request = http.request(
          this.url,
          { method: "POST", agent: this.agent, headers },
          (response) => {
            let text = "";
            response.on("data", (chunk: Buffer) => (text += chunk.toString("utf8")));
            response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
            response.on("error", reject);
          },
        );
        request.on("error", reject);
        request.end(body);
      },
    );
    if (status >= 300) throw new Error(`Cannot write to Prometheus: ${status} ${text}`);
  }

  /** A snappy block that is one literal: nothing is compressed. */
  private encode({ timestamps, values }: RowsToSend): Buffer {
    const samplesBytes = timestamps.length * (SAMPLE_BYTES + 2);
    const bytes = this.heads.reduce(
      (sum, head) => sum + head.length + samplesBytes + 6,
      HEADER_BYTES,
    );
    const body = Buffer.allocUnsafe(bytes);
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    const times = Array.from(timestamps, (timeMs) => encodeVarint(timeMs));
    let at = HEADER_BYTES;
    for (const [series, head] of this.heads.entries()) {
      body[at++] = TIME_SERIES;
      at = writeVarint(body, at, head.length + samplesBytes);
      body.set(head, at);
      at += head.length;
      for (let row = 0; row < timestamps.length; row++) {
        body[at++] = SAMPLE;
        body[at++] = SAMPLE_BYTES;
        body[at++] = SAMPLE_VALUE;
        view.setFloat64(at, values[row * this.heads.length + series] as number, true);
        body[at + 8] = SAMPLE_TIMESTAMP;
        body.set(itemAt(times, row), at + 9);
        at += 15;
      }
    }
    return asLiteral(body, at);
  }
}

/** Writes the head of the block before its content, which begins at `HEADER_BYTES`. */
function asLiteral(body: Buffer, end: number): Buffer {
  const length = end - HEADER_BYTES;
  const lengthBytes = encodeVarint(length);
  const start = HEADER_BYTES - 5 - lengthBytes.length;
  body.set(lengthBytes, start);
  body[HEADER_BYTES - 5] = LITERAL_OF_LONG_LENGTH;
  body.writeUInt32LE(length - 1, HEADER_BYTES - 4);
  return body.subarray(start, end);
}

function encodeLabels({ pairs }: Labels): Buffer {
  return Buffer.concat(
    pairs.map(([name, value]) => {
      const fields = Buffer.concat([encodeText(LABEL_NAME, name), encodeText(LABEL_VALUE, value)]);
      return Buffer.concat([Buffer.of(LABEL), encodeVarint(fields.length), fields]);
    }),
  );
}

function encodeText(tag: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.of(tag), encodeVarint(bytes.length), bytes]);
}

function encodeVarint(value: number): Buffer {
  const bytes = Buffer.alloc(10);
  return bytes.subarray(0, writeVarint(bytes, 0, value));
}

function writeVarint(bytes: Buffer, at: number, value: number): number {
  let rest = value;
  while (rest >= 128) {
    bytes[at++] = (rest % 128) + 128;
    rest = Math.floor(rest / 128);
  }
  bytes[at++] = rest;
  return at;
}
