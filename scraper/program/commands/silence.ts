import { printable } from "../../../exporter/shared/model/shown-text.js";
import { JsonFields } from "../../../exporter/shared/codec/json-fields.js";
import { parseDurationMs } from "../../../exporter/shared/model/duration.js";
import { BadInputError } from "../../../exporter/shared/model/errors.js";
import { systemClock } from "../../../exporter/shared/platform/clock.js";
import { callAlertmanager, type MasterAddress } from "./master-client.js";
import { alignColumns } from "./query.js";

interface ApiMatcher {
  readonly name: string;
  readonly value: string;
  readonly isRegex: boolean;
  readonly isEqual: boolean;
}

const MATCHER = /^([a-zA-Z_][a-zA-Z0-9_]*)(=~|!~|!=|=)"?(.*?)"?$/s;

/**
 * `pihealth silence add alertname=X instance=~"pi.*" --duration 2h --comment "new disk"`.
 *
 * @returns the id of the silence
 */
export async function addSilence(
  master: MasterAddress,
  matchers: readonly string[],
  options: { duration: string; comment: string; author: string },
): Promise<string> {
  const startMs = systemClock.wallMs();
  const answer = await callAlertmanager(master, "POST", "/api/v2/silences", {
    matchers: matchers.map(parseMatcher),
    startsAt: new Date(startMs).toISOString(),
    endsAt: new Date(startMs + parseDurationMs(options.duration)).toISOString(),
    createdBy: options.author,
    comment: options.comment,
  });
  return JsonFields.parse(answer, "the answer").text("silenceID");
}

export async function listSilences(master: MasterAddress): Promise<string[]> {
  const answer = await callAlertmanager(master, "GET", "/api/v2/silences");
  const rows = JsonFields.parseList(answer, "silences")
    .map(describeSilence)
    .filter(([, state]) => state !== "expired");
  return rows.length === 0 ? ["No silence is active or pending"] : alignColumns(rows);
}

/** @returns the cells of its row: id, state, end, matchers, author, comment */
function describeSilence(silence: JsonFields): string[] {
  const matchers = silence.objects("matchers").map((matcher) =>
    formatMatcher({
      name: matcher.text("name"),
      value: matcher.text("value"),
      isRegex: matcher.boolean("isRegex"),
      isEqual: matcher.optional("isEqual", (key) => matcher.boolean(key)) ?? true,
    }),
  );
  return [
    silence.text("id"),
    silence.object("status").text("state"),
    silence.text("endsAt"),
    matchers.join(" "),
    silence.text("createdBy"),
    silence.text("comment"),
  ].map(printable);
}

export async function expireSilence(master: MasterAddress, id: string): Promise<void> {
  await callAlertmanager(master, "DELETE", `/api/v2/silence/${encodeURIComponent(id)}`);
}

function parseMatcher(text: string): ApiMatcher {
  const match = MATCHER.exec(text);
  if (match === null) {
    throw new BadInputError(
      `Cannot read matcher "${text}": it must be like alertname=NAME or instance=~"pi.*"`,
    );
  }
  const [, name = "", operator = "", value = ""] = match;
  return { name, value, isRegex: operator.endsWith("~"), isEqual: !operator.startsWith("!") };
}

function formatMatcher({ name, value, isRegex, isEqual }: ApiMatcher): string {
  const operator = isRegex ? (isEqual ? "=~" : "!~") : isEqual ? "=" : "!=";
  return `${name}${operator}${JSON.stringify(value)}`;
}
