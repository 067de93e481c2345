import { readFleetToken, tokenHeader, tokenMatches } from "../shared/codec/fleet-token.js";
import type { Files } from "../shared/platform/files.js";

/** The fleet token, which requests to masters and requests of masters for history carry. */
export class UplinkToken {
  private constructor(
    private token: string | undefined,
    private readonly filePath: string | undefined,
    private readonly files: Files,
  ) {}

  /**
   * @param filePath undefined to send requests without a token
   * @throws {BadInputError} when the file cannot be read or contains no token
   */
  static async load(filePath: string | undefined, files: Files): Promise<UplinkToken> {
    return new UplinkToken(
      filePath === undefined ? undefined : await readFleetToken(filePath, files),
      filePath,
      files,
    );
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
   * file is missing.
   */
  async reload(): Promise<void> {
    if (this.filePath === undefined) return;
    this.token = await readFleetToken(this.filePath, this.files).catch(() => this.token);
  }
}
