import { parseAccounts } from "../sources/accounts.js";
import { readCommandLine, readProcessUid } from "../sources/process-table.js";
import { needsCommandLine, programName } from "../sources/program-name.js";
import type { Sources } from "../sources/sources.js";
import type { ProcessUsage } from "./process-usage.js";

export type ProcessLabel = "pid" | "comm" | "name" | "user";
export type ProcessLabels = Readonly<Record<ProcessLabel, string>>;

const ACCOUNTS_FILE = "etc/passwd";
/** Of a blocked process, the kernel may not return the command line until it goes on. */
const BLOCKED = "D";

/**
 * Names of processes and of their owners. /etc/passwd is read again when it changes, a command line
 * once for each process and `comm`.
 */
export class ProcessLabelReader {
  private accountsVersion: string | undefined;
  private accountNames = new Map<number, string>();
  /** By process and `comm`; only processes of the last call. */
  private programNames = new Map<string, string>();

  constructor(private readonly sources: Sources) {}

  /** @param shown processes, each once */
  async read(shown: readonly ProcessUsage[]): Promise<Map<ProcessUsage, ProcessLabels>> {
    const labels = new Map<ProcessUsage, ProcessLabels>();
    const programNames = new Map<string, string>();
    if (shown.length > 0) await this.readAccounts();
    for (const usage of shown) {
      const uid = await readProcessUid(this.sources.procfs, usage.pid);
      const user = uid === undefined ? "" : (this.accountNames.get(uid) ?? String(uid));
      const name = await this.nameOf(usage, programNames);
      labels.set(usage, { pid: usage.pid, comm: usage.comm, name, user });
    }
    this.programNames = programNames;
    return labels;
  }

  private async nameOf(
    { pid, startTicks, comm, state }: ProcessUsage,
    programNames: Map<string, string>,
  ): Promise<string> {
    if (!needsCommandLine(comm)) return comm;
    const key = `${pid} ${startTicks} ${comm}`;
    const known = programNames.get(key) ?? this.programNames.get(key);
    if (known === undefined && state === BLOCKED) return comm;
    const name = known ?? programName(comm, await readCommandLine(this.sources.procfs, pid));
    programNames.set(key, name);
    return name;
  }

  private async readAccounts(): Promise<void> {
    const { root } = this.sources;
    const version = await root.version(ACCOUNTS_FILE);
    if (version === this.accountsVersion) return;
    const accounts = parseAccounts(await root.readText(ACCOUNTS_FILE));
    // If a user id has several names, the first one counts.
    this.accountNames = new Map(accounts.map(({ uid, name }) => [uid, name] as const).reverse());
    this.accountsVersion = version;
  }
}
