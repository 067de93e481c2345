/**
 * The older form of the configuration: one `Option=Value` per line, as in `/etc/pihealthd.conf`.
 * Empty lines and lines that begin with `#` or `;` are ignored; the case of option names too.
 */
import {
  ConfigError,
  MAX_CONFIG_BYTES,
  renderYaml,
} from "../../exporter/shared/config/yaml-source.js";
import { messageOf } from "../../exporter/shared/model/errors.js";
import { INSTALLED_RULES } from "./default-config.js";
import { DEFAULT_EXPORTER_PORT } from "../discovery/scrape-job-config.js";
import { parseRangeExpression } from "../discovery/range-expression.js";

const OPTION_LINE = /^\s*([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(.*?)\s*$/;
const IGNORED_LINE = /^\s*([#;].*)?$/;

interface Option {
  /** In lower case. */
  readonly names: readonly string[];
  /** @throws an error whose message says what the value must be */
  readonly check: (value: string) => void;
}

const isText = (value: string): void => {
  if (value === "") throw new Error("it must not be empty");
};
const isPort = (value: string): void => {
  if (!/^\d{1,5}$/.test(value) || Number(value) < 1 || Number(value) > 65_535) {
    throw new Error("it must be a port from 1 to 65535");
  }
};
const isHostList = (value: string): void => {
  const hosts = splitList(value);
  if (hosts.length === 0) throw new Error("it must name at least one address, range or host");
  hosts.forEach(parseRangeExpression);
};

const OPTIONS = {
  master: { names: ["master"], check: isText },
  masterPort: { names: ["master_port"], check: isPort },
  listenAddress: { names: ["listen_address"], check: isText },
  clientPort: { names: ["client_port"], check: isPort },
  hosts: { names: ["hosts", "clients", "range"], check: isHostList },
  logFile: { names: ["pihealthlog", "log"], check: isText },
  dataFolder: { names: ["pihealthdata", "data", "data_folder"], check: isText },
  ruleFiles: { names: ["rule_files", "rules"], check: isText },
  tokenFile: { names: ["token_file"], check: isText },
  notifications: { names: ["notifications"], check: isText },
} as const satisfies Readonly<Record<string, Option>>;

type OptionKey = keyof typeof OPTIONS;
type OptionValues = Partial<Record<OptionKey, string>>;

/**
 * Whether the first line that is not ignored is `Option=Value`: no YAML mapping begins like that.
 */
export function isOptionConfig(text: string): boolean {
  const first = text.split(/\r?\n/, 10_000).find((line) => !IGNORED_LINE.test(line));
  return first !== undefined && OPTION_LINE.test(first);
}

/** Read in the older form without the option `token_file`, when it exists. */
export const DEFAULT_TOKEN_FILE = "/etc/pihealth/token";
const DEFAULT_DATA_FOLDER = "/var/lib/pihealth";

/**
 * Converts a configuration to YAML. Every option may be missing.
 *
 * @param file name for messages
 * @param defaults.tokenFile for a configuration that names none
 * @throws {ConfigError} naming file, line and option
 */
export function convertOptionConfig(
  text: string,
  file: string,
  defaults: { readonly tokenFile?: string | undefined } = {},
): string {
  const values = parseOptions(text, file);
  const { hosts, clientPort = String(DEFAULT_EXPORTER_PORT), dataFolder, ruleFiles } = values;
  const { tokenFile = defaults.tokenFile } = values;
  const range = {
    hosts: hosts === undefined ? ["127.0.0.1"] : splitList(hosts),
    port: Number(clientPort),
    // Without a list of hosts, exporters announce themselves.
    ...(hosts === undefined ? { accept_heartbeats: true } : {}),
  };
  return renderYaml({
    ...(values.master === undefined
      ? {}
      : { global: { external_labels: { master: values.master } } }),
    scrape_configs: [{ job_name: "pi", range_sd_configs: [range] }],
    rule_files: ruleFiles === undefined ? [INSTALLED_RULES] : splitList(ruleFiles),
    storage: { path: dataFolder ?? DEFAULT_DATA_FOLDER },
    ...(values.notifications === undefined
      ? {}
      : { notifications: { config: values.notifications } }),
    ...(tokenFile === undefined ? {} : { fleet: { token_file: tokenFile } }),
    ...webSection(values),
    ...(values.logFile === undefined ? {} : { log: { file: values.logFile } }),
  });
}

function webSection({ listenAddress, masterPort }: OptionValues): object {
  if (listenAddress === undefined && masterPort === undefined) return {};
  return {
    web: {
      ...(listenAddress === undefined ? {} : { listen_address: listenAddress }),
      ...(masterPort === undefined ? {} : { port: Number(masterPort) }),
    },
  };
}

function parseOptions(text: string, file: string): OptionValues {
  if (Buffer.byteLength(text) > MAX_CONFIG_BYTES) {
    throw new ConfigError(file, undefined, `it is larger than ${MAX_CONFIG_BYTES} bytes`);
  }
  const values: OptionValues = {};
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (!IGNORED_LINE.test(line)) {
      parseLine(line, values, (detail) => new ConfigError(file, index + 1, detail));
    }
  }
  return values;
}

function parseLine(
  line: string,
  values: OptionValues,
  refusal: (detail: string) => ConfigError,
): void {
  const [, name, quoted = ""] = OPTION_LINE.exec(line) ?? [];
  if (name === undefined) {
    throw refusal(`is ${JSON.stringify(line.trim().slice(0, 60))}, it must be Option=Value`);
  }
  const key = keyOf(name.toLowerCase());
  if (key === undefined) {
    const known = Object.values(OPTIONS)
      .map(({ names: [first] }) => first)
      .join(", ");
    throw refusal(`option ${name} is not known, the options are ${known}`);
  }
  if (values[key] !== undefined) {
    throw refusal(`option ${name} is given a second time, it must be given once`);
  }
  const value = quoted.replace(/^(["'])(.*)\1$/, "$2");
  try {
    OPTIONS[key].check(value);
  } catch (error) {
    throw refusal(`option ${name} is ${JSON.stringify(value.slice(0, 60))}, ${messageOf(error)}`);
  }
  values[key] = value;
}

function keyOf(name: string): OptionKey | undefined {
  for (const key in OPTIONS) {
    if (isOptionKey(key) && OPTIONS[key].names.some((known) => known === name)) return key;
  }
  return undefined;
}

const isOptionKey = (key: string): key is OptionKey => key in OPTIONS;

/** Splits at commas and spaces; a range may have spaces around its dash. */
const splitList = (value: string): string[] =>
  value
    .replace(/\s+-\s+/g, "-")
    .split(/[\s,]+/)
    .filter((part) => part !== "");
