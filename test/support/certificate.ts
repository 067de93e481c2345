import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A self-signed certificate for localhost and 127.0.0.1. */
export function createCertificate(): Certificate {
  const folder = mkdtempSync(path.join(tmpdir(), "pihealth-cert-"));
  try {
    const files = { cert: path.join(folder, "cert.pem"), key: path.join(folder, "key.pem") };
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout",
        files.key,
        "-out",
        files.cert,
      ],
      { stdio: "ignore" },
    );
    return { cert: readFileSync(files.cert, "utf8"), key: readFileSync(files.key, "utf8") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
