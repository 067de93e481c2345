import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { after, test } from "node:test";
import { sendHttp, type SendHttp } from "../../../../exporter/shared/platform/http/http-client.js";
import { createDelivery } from "../../../../scraper/alerting/delivery/delivery.js";
import type { DeliveryOutcome } from "../../../../scraper/alerting/delivery/outbox-sender.js";
import { listenOnFreePort, portOf } from "../../../support/loopback-servers.js";
import { MemoryFiles } from "../../../support/memory-files.js";
import { parseConfig } from "../dispatch/dispatcher-harness.js";

const USER = "user:USERSECRET@";
const PATH = "/services/PATHSECRET?key=QUERYSECRET";
const ANY_SECRET = /SECRET/;

/** Repeats what it was asked, as many servers do, and redirects where its path says so. */
const server: Server = createServer((request, response) => {
  const { url = "" } = request;
  const [, location] = /to=([^&]*)/.exec(url) ?? [];
  if (location === undefined) {
    response.writeHead(400).end(`no such hook: ${url}, http://${USER}h${url}`);
  } else response.writeHead(307, { location: decodeURIComponent(location) }).end();
});
await listenOnFreePort(server);
after(() => server.close());
const here = `127.0.0.1:${portOf(server)}`;

const toward = (location: string): string =>
  `http://${USER}${here}${PATH}&to=${encodeURIComponent(location)}`;

async function deliver(
  keys: string,
  file = "",
  http: SendHttp = sendHttp,
): Promise<DeliveryOutcome> {
  const files = new MemoryFiles();
  if (file !== "") files.put("/etc/pihealth/url", `${file}\n`);
  const config = parseConfig(`
route: { receiver: r }
receivers: [{ name: r, webhook_configs: [{ ${keys} }] }]
`);
  const send = createDelivery({
    config: () => config,
    files,
    transports: { http, mail: { send: async () => [] } },
  });
  const record = { id: "1", timestampMs: 0, firing: [], resolved: [], threadMs: 0, expiresAtMs: 0 };
  const place = { receiver: "r", integration: 0, createdAtMs: 0 };
  return send(
    { ...place, payload: { kind: "webhook", body: "{}" }, record },
    new AbortController().signal,
  );
}

const textOf = ({ problem, refusals }: DeliveryOutcome): string =>
  [problem, ...refusals.map(({ reply }) => reply)].join("\n");

for (const { name, url, says } of [
  { name: "cannot be reached", url: `http://${USER}127.0.0.1:1${PATH}`, says: /ECONNREFUSED/ },
  { name: "has a wrong name", url: `http://${USER}no.invalid${PATH}`, says: /no\.invalid/ },
  { name: "repeats its URL in an error", url: `http://${USER}${here}${PATH}`, says: /status 400/ },
  { name: "speaks no TLS", url: `https://${USER}${here}${PATH}`, says: /Cannot fetch/ },
  { name: "redirects without end", url: toward(PATH + "&to=%3Fto"), says: /status/ },
  { name: "redirects to no URL", url: toward("http://[PATHSECRET"), says: /URL/ },
  { name: "redirects to a file", url: toward("file:///PATHSECRET"), says: /status 307/ },
  { name: "redirects to data", url: toward("data:,PATHSECRET"), says: /status 307/ },
  {
    name: "redirects to a server that cannot be reached",
    url: toward(`http://${USER}127.0.0.1:1${PATH}`),
    says: /ECONNREFUSED/,
  },
]) {
  test(`the error of a webhook that ${name} names the fault and no secret`, async () => {
    const text = textOf(await deliver(`url: "${url}"`));
    assert.match(text, says);
    assert.doesNotMatch(text, ANY_SECRET);
    const fromFile = textOf(await deliver("url_file: /etc/pihealth/url", url));
    assert.match(fromFile, says);
    assert.doesNotMatch(fromFile, ANY_SECRET);
  });
}

test("the user information of a webhook's URL is sent as basic authentication", async () => {
  const seen: (string | undefined)[] = [];
  const guarded = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end();
  });
  await listenOnFreePort(guarded);
  const at = `127.0.0.1:${portOf(guarded)}`;
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;
  await deliver(`url: "http://anna:p%40ss%3Aword@${at}/hook"`);
  await deliver(`url: "http://anna@${at}/hook"`);
  await deliver(`url: "http://anna:x@${at}/", http_config: { authorization: { credentials: k } }`);
  guarded.close();
  assert.deepEqual(seen, [basic("anna:p@ss:word"), basic("anna:"), "Bearer k"]);
});

for (const { name, keys, file = "" } of [
  { name: "a file with no URL", keys: "url_file: /etc/pihealth/url", file: "the SECRET itself" },
  {
    name: "a proxy that cannot be reached",
    keys: `url: "http://${USER}${here}${PATH}", http_config: { proxy_url: "http://p:PROXYSECRET@127.0.0.1:1" }`,
  },
  {
    name: "a proxy for TLS that cannot be reached",
    keys: `url: "https://${USER}${here}${PATH}", http_config: { proxy_url: "http://p:PROXYSECRET@127.0.0.1:1" }`,
  },
]) {
  test(`the error of a webhook with ${name} shows no secret`, async () => {
    const text = textOf(await deliver(keys, file));
    assert.notEqual(text, "");
    assert.doesNotMatch(text, ANY_SECRET);
  });
}
