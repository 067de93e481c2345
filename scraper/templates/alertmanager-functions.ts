import { messageOf } from "../../exporter/shared/model/errors.js";
import { formatTime, GoDuration, GoTime, inZone, timeOf } from "./go-time.js";
import { goJson } from "./go-json.js";
import { humanizeDuration } from "./humanize.js";
import { FunctionError } from "./template-error.js";
import { TEXT_FUNCTIONS } from "./text-functions.js";
import {
  InterfaceMap,
  SafeUrl,
  templateFunction,
  variadicFunction,
  type FunctionTable,
} from "./template-values.js";

const MAX_LIST = 10_000;

/** The functions of Alertmanager's templates. `since` uses `wallMs`. */
export function createAlertmanagerFunctions({
  wallMs,
}: {
  readonly wallMs: () => number;
}): FunctionTable {
  return {
    ...TEXT_FUNCTIONS,
    title: templateFunction(["string"], titleCase),
    trimSpace: templateFunction(["string"], (text) => text.trim()),
    join: templateFunction(["string", "list"], (separator, parts) => joinTexts(separator, parts)),
    safeUrl: templateFunction(["string"], (text) => new SafeUrl(text)),
    urlUnescape: templateFunction(["string"], unescapeQuery),
    stringSlice: variadicFunction([], "string", (...texts) => texts),
    date: templateFunction(["string", "time"], (layout, time) => formatTime(timeOf(time), layout)),
    tz: templateFunction(["string", "time"], (zone, time) => inZone(timeOf(time), zone)),
    now: templateFunction([], () => new GoTime(wallMs())),
    since: templateFunction(["time"], (time) => new GoDuration(wallMs() - timeOf(time).epochMs)),
    humanizeDuration: templateFunction(["any"], humanizeDuration),
    toJson: templateFunction(["any"], (value) => goJson(value)),
    list: variadicFunction([], "any", (...values) => values),
    append: variadicFunction(["list"], "any", (values, ...more) => appendTo(values, more)),
    dict: variadicFunction([], "any", (...pairs) => createDict(pairs)),
  };
}

/** The first letter of each word in upper case, the others in lower case. */
function titleCase(text: string): string {
  return text.replace(/[\p{L}\p{M}\p{N}_'’]+/gu, (word) => {
    const first = word.search(/\p{L}/u);
    if (first === -1) return word;
    const [letter = ""] = word.slice(first);
    return (
      word.slice(0, first) + letter.toUpperCase() + word.slice(first + letter.length).toLowerCase()
    );
  });
}

function joinTexts(separator: string, parts: readonly unknown[]): string {
  const texts = parts.map((part) => {
    if (typeof part === "string") return part;
    throw new FunctionError("wrong type for value; expected []string", true);
  });
  return texts.join(separator);
}

function unescapeQuery(text: string): string {
  try {
    return decodeURIComponent(text.replace(/\+/g, " "));
  } catch (error) {
    throw new FunctionError(`invalid URL escape in ${JSON.stringify(text)}: ${messageOf(error)}`);
  }
}

function appendTo(values: readonly unknown[], more: readonly unknown[]): readonly unknown[] {
  if (values.length + more.length > MAX_LIST) {
    throw new FunctionError(`list is longer than ${MAX_LIST}`);
  }
  return [...values, ...more];
}

function createDict(pairs: readonly unknown[]): InterfaceMap {
  if (pairs.length % 2 !== 0) throw new FunctionError("dict requires an even number of arguments");
  const dict = new InterfaceMap();
  for (let index = 0; index < pairs.length; index += 2) {
    const key = pairs[index];
    if (typeof key !== "string") throw new FunctionError("dict keys must be strings");
    dict.set(key, pairs[index + 1]);
  }
  return dict;
}
