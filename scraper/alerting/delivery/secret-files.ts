import { BadInputError, messageOf } from "../../../exporter/shared/model/errors.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { MailServer } from "./mail-transport.js";
import { loadTls } from "../../http-client/tls-config.js";
import { readTextOrFile } from "../../http-client/text-or-file.js";
import type { Secret, SmtpServer } from "../config/notification-config.js";

/**
 * @throws {BadInputError} when the file cannot be read
 */
export async function readSecret(secret: Secret, files: Files): Promise<string> {
  if (secret.kind === "text") return secret.text;
  return (await readNamedFile(secret.path, files)).trim();
}

/**
 * Reads passwords and certificates from their files. Called for every message, because they may
 * have been renewed.
 *
 * @throws {BadInputError} when a file cannot be read
 */
export async function resolveMailServer(server: SmtpServer, files: Files): Promise<MailServer> {
  const { auth, tls } = server;
  const secretOf = async (secret: Secret | undefined): Promise<string | undefined> =>
    secret === undefined ? undefined : readSecret(secret, files);
  return {
    host: server.host,
    port: server.port,
    hello: server.hello,
    implicitTls: server.implicitTls,
    requireTls: server.requireTls,
    tls: await loadTls(tls, (source) => readTextOrFile(source, files, "/")),
    auth:
      auth === undefined
        ? undefined
        : {
            username: auth.username,
            identity: auth.identity,
            password: await secretOf(auth.password),
            secret: await secretOf(auth.secret),
          },
  };
}

async function readNamedFile(path: string, files: Files): Promise<string> {
  try {
    return await files.readText(path);
  } catch (error) {
    throw new BadInputError(`Cannot read "${path}": ${messageOf(error)}`, { cause: error });
  }
}
