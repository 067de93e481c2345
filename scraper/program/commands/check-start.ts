/** What would stop the start of the scraper although its files parse: tokens, certificates, folders, ports. */
import path from "node:path";
import { readFleetToken } from "../../../exporter/shared/codec/fleet-token.js";
import { loadWebConfig } from "../../../exporter/shared/config/web-config.js";
import { BadInputError, codeOf, messageOf } from "../../../exporter/shared/model/errors.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import { checkTls } from "../../../exporter/shared/platform/http/http-client.js";
import { listenHttp } from "../../../exporter/shared/platform/http/http-server.js";
import { isWritableFolder } from "../../../exporter/shared/platform/real-files.js";
import { tlsAgentOptions } from "../../http-client/tls-config.js";
import type { ScraperConfig } from "../../config/config.js";

/**
 * @returns warnings
 * @throws {PihealthError} for the first thing that would stop the start
 */
export async function checkStart(config: ScraperConfig, files: Files): Promise<string[]> {
  if (config.fleet.tokenFile !== undefined) await readFleetToken(config.fleet.tokenFile, files);
  for (const { settings } of config.scrapeConfigs) {
    attempt(`use tls_config of job "${settings.jobName}"`, () =>
      checkTls(tlsAgentOptions(settings.connection.tls)),
    );
  }
  checkFolder("data folder", config.storage.path);
  if (config.log.file !== undefined)
    checkFolder("folder of the log", path.dirname(config.log.file));
  return checkAddress(config, files);
}

function attempt(action: string, run: () => void): void {
  try {
    run();
  } catch (error) {
    throw new BadInputError(`Cannot ${action}: ${messageOf(error)}`, { cause: error });
  }
}

function checkFolder(what: string, folder: string): void {
  if (isWritableFolder(folder)) return;
  throw new BadInputError(
    `Cannot use ${what} "${folder}": it must be a folder that this user may write, or one to create`,
  );
}

/** Listens for a moment. That another program listens there is a warning: it may be the scraper itself. */
async function checkAddress({ web }: ScraperConfig, files: Files): Promise<string[]> {
  const tls =
    web.configFile === undefined ? undefined : (await loadWebConfig(web.configFile, files)).tls;
  attempt("use the certificate of web.config_file", () => checkTls(tls ?? {}));
  try {
    const { listenAddress: host, port } = web;
    const server = await listenHttp(() => undefined, { host, port, maxConnections: 1, tls });
    await server.stop(0);
    return [];
  } catch (error) {
    if (!(error instanceof BadInputError) || codeOf(error.cause) !== "EADDRINUSE") throw error;
    return [`a program listens on ${web.listenAddress}:${web.port}: it must be the scraper itself`];
  }
}
