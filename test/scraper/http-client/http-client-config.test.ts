import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigSection } from "../../../exporter/shared/config/config-section.js";
import {
  type HttpClientSettings,
  readHttpClient,
} from "../../../scraper/http-client/http-client-config.js";
import { isExemptFromProxy } from "../../../scraper/http-client/no-proxy.js";
import { proxyOptions } from "../../../scraper/http-client/proxy-config.js";
import { MemoryFiles } from "../../support/memory-files.js";

const FOLDER = "/etc/pihealth";

function read(text: string, files = new MemoryFiles()): Promise<HttpClientSettings> {
  return readHttpClient(ConfigSection.parse(text, `${FOLDER}/a.yml`), files, FOLDER);
}

test("TLS, headers and credentials are read, inline and from files", async () => {
  const files = new MemoryFiles();
  files.put(`${FOLDER}/ca.pem`, "CA");
  files.put(`${FOLDER}/user`, "anna\n");
  files.put(`${FOLDER}/extra`, " from file \n");
  const client = await read(
    `basic_auth: {username_file: user, password: secret}
tls_config: {ca_file: ca.pem, cert: CERT, key: KEY, server_name: pi, min_version: TLS12, max_version: TLS13}
http_headers: {X-Scope: {values: [a], secrets: [b], files: [extra]}, X-One: {values: ["1"]}}
follow_redirects: false
enable_http2: false`,
    files,
  );
  assert.deepEqual(client, {
    headers: {
      "X-Scope": "a, b, from file",
      "X-One": "1",
      Authorization: `Basic ${Buffer.from("anna:secret").toString("base64")}`,
    },
    connection: {
      tls: {
        ca: "CA",
        cert: "CERT",
        key: "KEY",
        serverName: "pi",
        insecureSkipVerify: false,
        minVersion: "TLSv1.2",
        maxVersion: "TLSv1.3",
      },
      proxy: undefined,
    },
    followsRedirects: false,
  });
});

test("A proxy is chosen for every host outside no_proxy", async () => {
  const { connection } = await read(
    `proxy_url: http://proxy.lan:3128
no_proxy: "pi1.lan,10.0.0.0/8"
proxy_connect_header: {X-Token: [a, b]}`,
  );
  assert.ok(connection.proxy !== undefined);
  const { choose, connectHeaders } = proxyOptions(connection.proxy);
  assert.deepEqual(connectHeaders, { "X-Token": "a, b" });
  assert.equal(choose(new URL("https://pi2.lan:9100/metrics"))?.href, "http://proxy.lan:3128/");
  assert.equal(choose(new URL("https://pi1.lan:9100/metrics")), undefined);
  assert.equal(choose(new URL("http://10.9.9.9/metrics")), undefined);
});

/** The expectations are the results of Go's httpproxy. */
const EXEMPTIONS: readonly [list: string, url: string, isExempt: boolean][] = [
  ["pi.lan", "http://pi.lan/", true],
  ["pi.lan", "http://a.pi.lan/", true],
  ["pi.lan", "http://api.lan/", false],
  [".pi.lan", "http://pi.lan/", false],
  ["*.pi.lan", "http://a.pi.lan/", true],
  ["*.pi.lan", "http://pi.lan/", false],
  ["PI.lan, other", "http://pi.LAN/", true],
  ["pi.lan:80", "http://pi.lan/", true],
  ["pi.lan:80", "https://pi.lan/", false],
  ["pi.lan:9100", "http://pi.lan:9100/", true],
  ["10.1.2.3", "http://10.1.2.3:9100/", true],
  ["10.1.2.3:80", "http://10.1.2.3:9100/", false],
  ["10.0.0.0/8", "http://10.1.2.3/", true],
  ["10.0.0.0/8", "http://11.1.2.3/", false],
  ["fd00::/8", "http://[fd00::1]:9100/", true],
  ["[fd00::1]:9100", "http://[fd00::1]:9100/", true],
  ["*", "http://anything/", true],
  ["other", "http://localhost:9100/", true],
  ["other", "http://127.3.2.1/", true],
  ["other", "http://[::1]/", true],
];

test("no_proxy is read by the rules of Go", () => {
  for (const [list, url, isExempt] of EXEMPTIONS) {
    assert.equal(isExemptFromProxy(new URL(url), list), isExempt, `${list} ${url}`);
  }
});

const REFUSALS: readonly [text: string, message: RegExp][] = [
  ["proxy_url: socks5://a", /proxy_url is not supported, it must begin with http:/],
  ["no_proxy: a", /no_proxy is given alone/],
  ["proxy_connect_header: {a: [b]}", /proxy_connect_header is given alone/],
  ["{proxy_url: 'http://a', proxy_from_environment: true}", /proxy_url is given beside/],
  ["http_headers: {Authorization: {values: [a]}}", /is a header that the client sets itself/],
  ["http_headers: {'a b': {values: [a]}}", /is not the name of a header/],
  ["http_headers: {a: {value: [a]}}", /value is not a known key/],
  ["http_headers: {a: {files: [none]}}", /key http_headers Cannot read "\/etc\/pihealth\/none"/],
  ["tls_config: {min_version: TLS9}", /min_version is "TLS9", it must be one of TLS10/],
  ["tls_config: {ca: a, ca_file: b}", /ca_file is given beside ca/],
  ["basic_auth: {username: a, username_file: b}", /username_file is given beside username/],
];

test("Values that cannot work are refused with their place", async () => {
  for (const [text, message] of REFUSALS) await assert.rejects(read(text), message, text);
});
