import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BodyTooLargeError,
  HttpResponseReader,
} from "../../../../../exporter/shared/platform/http/http-response-reader.js";
import { HttpSyntaxError } from "../../../../../exporter/shared/platform/http/http-head.js";

const LIMIT = 1000;
const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

interface ResponseCase {
  readonly name: string;
  readonly text: string;
  readonly body?: string;
  readonly status?: number;
  readonly isReusable?: boolean;
  /** The response ends with the connection. */
  readonly ends?: true;
}

const RESPONSES: readonly ResponseCase[] = [
  { name: "a counted body", text: `${OK}Content-Length: 4\r\n\r\na 1\n`, body: "a 1\n" },
  { name: "no body", text: `${OK}content-length:0\r\n\r\n` },
  {
    name: "a body in chunks",
    text: `${CHUNKED}4\r\na 1\n\r\n0004\r\nb 2\n\r\n0\r\n\r\n`,
    body: "a 1\nb 2\n",
  },
  {
    name: "chunks with extensions and trailers",
    text: `${CHUNKED}A;x="y"\r\n0123456789\r\n0\r\nX: y\r\n\r\n`,
    body: "0123456789",
  },
  {
    name: "a response after an interim one",
    text: `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${OK}Content-Length: 1\r\n\r\na`,
    body: "a",
  },
  { name: "a status without content", text: "HTTP/1.1 204 No Content\r\n\r\n", status: 204 },
  {
    name: "a status without a reason phrase",
    text: "HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n",
    status: 503,
  },
  {
    name: "the same length twice",
    text: `${OK}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`,
    body: "a",
  },
  {
    name: "a connection that closes",
    text: `${OK}Connection: close\r\nContent-Length: 1\r\n\r\na`,
    body: "a",
    isReusable: false,
  },
  {
    name: "HTTP/1.0",
    text: "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na",
    body: "a",
    isReusable: false,
  },
  {
    name: "HTTP/1.0 with a kept connection",
    text: "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\na",
    body: "a",
  },
  {
    name: "a body that ends with the connection",
    text: `${OK}\r\na 1\n`,
    body: "a 1\n",
    isReusable: false,
    ends: true,
  },
];

function readInPieces(text: string, pieceBytes: number): HttpResponseReader {
  const reader = new HttpResponseReader(LIMIT);
  const memory = Buffer.alloc(pieceBytes);
  for (let at = 0; at < text.length; at += pieceBytes) {
    // The next piece overwrites this one, as on a connection.
    const length = memory.write(text.slice(at, at + pieceBytes), "latin1");
    reader.read(memory.subarray(0, length));
  }
  return reader;
}

for (const { name, text, body = "", status = 200, isReusable = true, ends } of RESPONSES) {
  test(`A response is read in pieces of any size: ${name}`, () => {
    for (let pieceBytes = 1; pieceBytes <= text.length; pieceBytes++) {
      const reader = readInPieces(text, pieceBytes);
      assert.equal(reader.isDone, ends === undefined, `in pieces of ${pieceBytes}`);
      reader.end();
      // A counted body may share the memory of the last piece, which is still intact here.
      const shown = {
        body: reader.body.toString("latin1"),
        status: reader.status,
        isReusable: reader.isReusable,
      };
      assert.deepEqual(shown, { body, status, isReusable }, `in pieces of ${pieceBytes}`);
    }
  });
}

test("Header names are in lower case, and values of equal names are joined", () => {
  const reader = readInPieces(
    `${OK}Content-Type:  text/plain \r\nX-A: 1\r\nx-a: 2\r\n__proto__: x\r\nContent-Length: 0\r\n\r\n`,
    500,
  );
  assert.deepEqual(
    { ...reader.headers },
    { "content-type": "text/plain", "x-a": "1, 2", ["__proto__"]: "x", "content-length": "0" },
  );
});

test("Bytes after the response in the same piece are not read", () => {
  const answer = `${OK}Content-Length: 1\r\n\r\na`;
  assert.equal(
    new HttpResponseReader(LIMIT).read(Buffer.from(`${answer}HTTP/1.1 200`)),
    answer.length,
  );
});

const REFUSED: readonly { readonly name: string; readonly text: string; readonly error: RegExp }[] =
  [
    { name: "another protocol", text: "SSH-2.0-OpenSSH_9.2\r\n", error: /does not speak HTTP/ },
    { name: "HTTP/2", text: "HTTP/2 200\r\n\r\n", error: /does not speak HTTP|first line/ },
    { name: "a status of two digits", text: "HTTP/1.1 20 OK\r\n\r\n", error: /first line/ },
    {
      name: "a switch of protocol",
      text: "HTTP/1.1 101 Switching Protocols\r\n\r\n",
      error: /protocol/,
    },
    { name: "a header without a name", text: `${OK}: x\r\n\r\n`, error: /header line/ },
    { name: "a folded header", text: `${OK}A: x\r\n y\r\n\r\n`, error: /header line/ },
    {
      name: "a line feed alone in the head",
      text: `${OK}A: x\nB: y\r\n\r\n`,
      error: /header line/,
    },
    {
      name: "a length that is no number",
      text: `${OK}Content-Length: 1e3\r\n\r\n`,
      error: /not a number/,
    },
    { name: "a negative length", text: `${OK}Content-Length: -1\r\n\r\n`, error: /not a number/ },
    {
      name: "two lengths",
      text: `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`,
      error: /ambiguous/,
    },
    {
      name: "a length and chunks",
      text: `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
      error: /ambiguous/,
    },
    {
      name: "another transfer encoding",
      text: `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n`,
      error: /ambiguous/,
    },
    { name: "a chunk without length", text: `${CHUNKED}\r\n\r\n`, error: /length/ },
    { name: "a chunk of 2^36 bytes", text: `${CHUNKED}1000000000\r\n`, error: /length/ },
    {
      name: "a chunk longer than its length",
      text: `${CHUNKED}1\r\nab\r\n0\r\n\r\n`,
      error: /end of a chunk/,
    },
    {
      name: "an endless head",
      text: `${OK}${"A: x\r\n".repeat(5000)}`,
      error: /larger than 16384/,
    },
    {
      name: "endless trailers",
      text: `${CHUNKED}0\r\n${"A: x\r\n".repeat(9000)}`,
      error: /trailers are too large/,
    },
    {
      name: "an endless chunk extension",
      text: `${CHUNKED}1;${"x".repeat(5000)}`,
      error: /end of a chunk/,
    },
  ];

for (const { name, text, error } of REFUSED) {
  test(`A malformed response is refused in one piece and in many: ${name}`, () => {
    for (const pieceBytes of [1, 7, 65_536]) {
      const read = (): unknown => readInPieces(text, pieceBytes);
      assert.throws(
        read,
        (thrown) => thrown instanceof HttpSyntaxError && error.test(thrown.message),
        `pieces of ${pieceBytes}`,
      );
    }
  });
}

for (const { name, text } of [
  { name: "announced", text: `${OK}Content-Length: 1001\r\n\r\n` },
  { name: "in a chunk", text: `${CHUNKED}3E9\r\n` },
  { name: "ended by the connection", text: `${OK}\r\n${"a".repeat(1001)}` },
]) {
  test(`A body above the limit is refused: ${name}`, () => {
    for (const pieceBytes of [1, 65_536])
      assert.throws(() => readInPieces(text, pieceBytes), BodyTooLargeError);
  });
}

test("A response cut at any byte is incomplete", () => {
  for (const { text, ends } of RESPONSES) {
    if (ends) continue;
    for (let length = 0; length < text.length; length++) {
      const reader = readInPieces(text.slice(0, length), 65_536);
      assert.throws(
        () => reader.end(),
        HttpSyntaxError,
        `${length} bytes of ${JSON.stringify(text)}`,
      );
    }
  }
});

test("One-byte chunks make the body, however they are cut into pieces", () => {
  const body = "0123456789".repeat(90);
  const chunks = Array.from(body, (byte) => `1\r\n${byte}\r\n`).join("");
  for (const pieceBytes of [1, 2, 5, 6, 7, 64, 65_536]) {
    const reader = readInPieces(`${CHUNKED}${chunks}0\r\n\r\n`, pieceBytes);
    assert.equal(reader.body.toString("latin1"), body);
    assert.ok(reader.frames > body.length, "the chunks are counted");
  }
});

test("A peer that sends interim responses without end is refused", () => {
  const interim = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(33);
  assert.throws(() => readInPieces(interim, 65_536), HttpSyntaxError);
});
