import assert from "node:assert/strict";
import { test } from "node:test";
import { loadWebConfig } from "../../../../exporter/shared/config/web-config.js";
import { MemoryFiles } from "../../../support/memory-files.js";

const HASH = `$2y$10$${"a".repeat(53)}`;

function load(text: string) {
  const files = new MemoryFiles();
  files.put("/etc/web.yml", text);
  files.put("/etc/cert.pem", "CERT");
  files.put("/etc/key.pem", "KEY");
  files.put("/etc/ca.pem", "CA");
  return loadWebConfig("/etc/web.yml", files);
}

test("An empty file means plain HTTP without authentication", async () => {
  const { tls, basicAuthUsers } = await load("");
  assert.equal(tls, undefined);
  assert.equal(basicAuthUsers.size, 0);
});

test("Certificate and key are read beside the file, and TLS 1.2 is the default minimum", async () => {
  const { tls } = await load("tls_server_config: { cert_file: cert.pem, key_file: key.pem }");
  assert.deepEqual(tls, {
    cert: "CERT",
    key: "KEY",
    minVersion: "TLSv1.2",
    maxVersion: "TLSv1.3",
    requestCert: false,
    rejectUnauthorized: false,
  });
});

test("Client certificates can be required", async () => {
  const { tls } = await load(`
tls_server_config:
  cert_file: /etc/cert.pem
  key_file: /etc/key.pem
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  min_version: TLS13
`);
  assert.deepEqual(
    [tls?.ca, tls?.requestCert, tls?.rejectUnauthorized, tls?.minVersion],
    ["CA", true, true, "TLSv1.3"],
  );
});

test("Users have bcrypt hashes, and http2 may be set", async () => {
  const { basicAuthUsers } = await load(
    `basic_auth_users: { prom: "${HASH}" }\nhttp_server_config: { http2: false }`,
  );
  assert.deepEqual([...basicAuthUsers], [["prom", HASH]]);
});

for (const { text, message } of [
  { text: "tls_server_config: { cert_file: cert.pem }", message: /key "key_file" is missing/ },
  {
    text: "tls_server_config: { cert_file: none.pem, key_file: key.pem }",
    message: /cert_file is "\/etc\/none\.pem", it must be a readable file/,
  },
  {
    text: "tls_server_config: { cert_file: cert.pem, key_file: key.pem, min_version: SSL3 }",
    message: /it must be one of TLS10, /,
  },
  {
    text: "tls_server_config: { cert_file: cert.pem, key_file: key.pem, min_version: TLS13, max_version: TLS12 }",
    message: /at most TLS12/,
  },
  {
    text: "tls_server_config: { cert_file: cert.pem, key_file: key.pem, client_auth_type: RequireAndVerifyClientCert }",
    message: /client_ca_file/,
  },
  {
    text: "tls_server_config: { cert_file: cert.pem, key_file: key.pem, ciphers: x }",
    message: /ciphers is not a known key/,
  },
  { text: "basic_auth_users: { prom: secret }", message: /has no bcrypt hash for user "prom"/ },
  { text: "basic_auth_users: [prom]", message: /it must be a mapping/ },
  { text: "basic_auth: {}", message: /basic_auth is not a known key/ },
]) {
  test(`A web configuration is refused: ${text}`, async () => {
    await assert.rejects(load(text), (error: Error) => {
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  });
}

test("A file that cannot be read is named", async () => {
  await assert.rejects(loadWebConfig("/nowhere.yml", new MemoryFiles()), {
    code: "bad_config",
    message: /nowhere\.yml/,
  });
});
