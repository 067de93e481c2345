import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { localAddressFor } from "../../../../../exporter/shared/platform/http/local-address.js";
import { createLazyHttp } from "../../../../../exporter/uplink/lazy-http.js";
import { MemoryFiles } from "../../../../support/memory-files.js";
import { listenOnFreePort } from "../../../../support/loopback-servers.js";

for (const { listen, master, from } of [
  { listen: "0.0.0.0", master: "http://10.0.0.1:8730", from: undefined },
  { listen: "::", master: "http://10.0.0.1:8730", from: undefined },
  { listen: "pi4.lan", master: "http://10.0.0.1:8730", from: undefined },
  { listen: "10.0.0.102", master: "http://10.0.0.1:8730", from: "10.0.0.102" },
  { listen: "10.0.0.102", master: "http://master.lan:8730", from: "10.0.0.102" },
  { listen: "fd00::7", master: "http://[fd00::1]:8730", from: "fd00::7" },
  { listen: "127.0.0.1", master: "http://10.0.0.1:8730", from: undefined },
  { listen: "::1", master: "http://[fd00::1]:8730", from: undefined },
  { listen: "127.0.0.2", master: "http://127.0.0.1:8730", from: "127.0.0.2" },
  { listen: "127.0.0.2", master: "http://localhost:8730", from: "127.0.0.2" },
]) {
  test(`an exporter that listens on ${listen} connects to ${master} from ${from ?? "any address"}`, () => {
    assert.equal(localAddressFor(master, listen), from);
  });
}

test("each of several exporters on one machine is known by the address on which it listens", async () => {
  const server = createServer((request, response) => {
    response.end(request.socket.remoteAddress);
  });
  const port = await listenOnFreePort(server);
  const ask = async (listenAddress: string): Promise<string> => {
    const files = new MemoryFiles();
    const send = createLazyHttp({ caFile: undefined, listenAddress, files });
    const url = `http://127.0.0.1:${port}/`;
    const { body } = await send({ url, timeoutMs: 30_000, maxBodyBytes: 100 });
    return body.toString();
  };
  assert.equal(await ask("127.0.0.102"), "127.0.0.102");
  assert.equal(await ask("127.0.0.115"), "127.0.0.115");
  // An address that this machine does not have (any more) is no reason to be silent.
  assert.equal(await ask("192.0.2.77"), "127.0.0.1");
  server.closeAllConnections();
  server.close();
});
