import { readFleetToken, tokenHeader, tokenMatches } from "../shared/codec/fleet-token.js";
import type { Files } from "../shared/platform/files.js";

/** The fleet token: requests to masters carry it, and those of masters for history. */
export class UplinkToken {
  private constructor(
    private token: string | undefined,
    private readonly filePath: string | undefined,
    private readonly files: Files,
  ) {}

  /**
   * @param filePath undefined: requests go without a token
   * @throws {BadInputError} when the file cannot be read or holds no token
   */
  static async load(filePath: string | undefined, files: Files): Promise<UplinkToken> {
    return new UplinkToken(
      filePath === undefined ? undefined : await readFleetToken(filePath, files),
      filePath,
      files,
    );
  }

  /** Whether an `Authorization` header carries the token; undefined where there is no token. */
  isCarriedBy(authorization: string | undefined): boolean | undefined {
    return this.token === undefined ? undefined : tokenMatches(authorization, this.token);
  }

  headers(): Record<string, string> {
    return this.token === undefined ? {} : { authorization: tokenHeader(this.token) };
  }

  /**
   * For when a master refused the token: it may have been changed since. Keeps the old one if the
   * file is gone.
   */
  async reload(): Promise<void> {
    if (this.filePath === undefined) return;
    this.token = await readFleetToken(this.filePath, this.files).catch(() => this.token);
  }
}
