import { readFleetToken, tokenHeader, tokenMatches } from "../shared/codec/fleet-token.js";
import { messageOf } from "../shared/model/errors.js";
import type { Files } from "../shared/platform/files.js";
import type { Logger } from "../shared/platform/logger.js";

/**
 * The fleet token, which requests to masters and requests of masters for history carry.
 *
 * Without a token that can be read, the exporter still records and serves `/metrics`. The file is
 * read again each time a master refuses a request.
 */
export class UplinkToken {
  private token: string | undefined;
  /** The last error, so that each is logged once. */
  private problem: string | undefined;

  private constructor(
    private readonly filePath: string | undefined,
    private readonly files: Files,
    private readonly log: Logger,
  ) {}

  /** @param filePath undefined to send requests without a token */
  static async load(filePath: string | undefined, files: Files, log: Logger): Promise<UplinkToken> {
    const token = new UplinkToken(filePath, files, log);
    await token.reload();
    return token;
  }

  /** True when an `Authorization` header carries the token; undefined when there is no token. */
  isCarriedBy(authorization: string | undefined): boolean | undefined {
    return this.token === undefined ? undefined : tokenMatches(authorization, this.token);
  }

  headers(): Record<string, string> {
    return this.token === undefined ? {} : { authorization: tokenHeader(this.token) };
  }

  /**
   * Called when a master refused the token, because it may have changed. Keeps the old token if the
   * file cannot be read.
   */
  async reload(): Promise<void> {
    const { filePath, files, log } = this;
    if (filePath === undefined) return;
    try {
      this.token = await readFleetToken(filePath, files);
      if (this.problem !== undefined) log.info("Fleet token read", { file: filePath });
      this.problem = undefined;
    } catch (error) {
      const problem = messageOf(error);
      if (problem === this.problem) return;
      this.problem = problem;
      const effect =
        this.token === undefined
          ? "samples are recorded, but masters refuse this machine until the file can be read"
          : "the token read before is used";
      log.error("Cannot use the token file", { error: problem, effect });
    }
  }
}
