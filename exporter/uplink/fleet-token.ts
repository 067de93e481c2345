import { BadInputError, messageOf } from "../shared/model/errors.js";
import type { Files } from "../shared/platform/files.js";

const TOKEN = /^[\x21-\x7e]{1,4096}$/;

/** The secret that all members of a fleet share, sent to masters as a bearer token. */
export class FleetToken {
  private constructor(
    private token: string | undefined,
    private readonly filePath: string | undefined,
    private readonly files: Files,
  ) {}

  /**
   * @param filePath undefined: requests go without a token
   * @throws {BadInputError} when the file cannot be read or holds no token
   */
  static async load(filePath: string | undefined, files: Files): Promise<FleetToken> {
    return new FleetToken(filePath === undefined ? undefined : await readToken(filePath, files), filePath, files);
  }

  headers(): Record<string, string> {
    return this.token === undefined ? {} : { authorization: `Bearer ${this.token}` };
  }

  /** For when a master refused the token: it may have been changed since. Keeps the old one if the file is gone. */
  async reload(): Promise<void> {
    if (this.filePath === undefined) return;
    this.token = await readToken(this.filePath, this.files).catch(() => this.token);
  }
}

async function readToken(filePath: string, files: Files): Promise<string> {
  let token: string;
  try {
    token = (await files.readText(filePath)).trim();
  } catch (error) {
    throw new BadInputError(`Cannot read token file "${filePath}": ${messageOf(error)}`, { cause: error });
  }
  if (!TOKEN.test(token)) {
    const expected = "it must be one line of 1 to 4096 printable ASCII characters without spaces";
    throw new BadInputError(`Cannot use token file "${filePath}": it holds no token, ${expected}`);
  }
  return token;
}
