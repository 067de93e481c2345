/**
 * Alertmanager's /api/v2 as functions: decoded requests come in, JSON values go out.
 * `alertmanager-routes.ts` calls them for each request.
 */
import { BadInputError, messageOf } from "../../../exporter/shared/model/errors.js";
import { compareStrings, Labels } from "../../../exporter/shared/model/labels.js";
import { type PausePoints, sortPaced } from "../../base/paced-sort.js";
import { RegularExpression } from "../../base/regular-expression.js";
import { compareLabelSets } from "../../alerting/alerts/alert-order.js";
import type { StoredAlert } from "../../alerting/alerts/alert-store.js";
import { ApiError } from "../http/api-errors.js";
import type { AlertStatus, Dispatcher, GroupView } from "../../alerting/dispatch/dispatcher.js";
import type { MatcherParts } from "../../alerting/config/matcher-notation.js";
import {
  createMatcher,
  matchesAll,
  parseMatcher,
  type Matcher,
} from "../../alerting/config/matchers.js";
import { SCHEMA_CODES } from "./posted-json.js";
import type { PostedSilence } from "./posted-silence.js";
import {
  SilenceNotFoundError,
  type Silence,
  type SilenceState,
} from "../../alerting/alerts/silences.js";

/** Query parameters of `/api/v2/alerts` and `/api/v2/alerts/groups`, as in the URL. */
export interface AlertQuery {
  /** Matchers, one per parameter. */
  readonly filter: readonly string[];
  /** A regular expression that must match the whole name. */
  readonly receiver: string | undefined;
  readonly active: boolean;
  readonly silenced: boolean;
  readonly inhibited: boolean;
  readonly unprocessed: boolean;
  /** Only groups are muted: the route has time intervals, the alert has none. */
  readonly muted: boolean;
  /** Matchers on the labels of receivers, one per parameter. */
  readonly receiverMatchers: readonly string[];
}

/** Cost of the status of an alert, in values for the pace. */
const WORK_PER_ALERT = 64;
const TRUE_WORDS = /^(true|1|yes|ok|y|on|selected|checked|t|enabled)$/i;
const FALSE_WORDS = /^(false|0|no|n|off|f|disabled)$/i;

/**
 * Reads the parameters of a URL.
 *
 * @throws {ApiError} 400 when a parameter is not acceptable
 */
export function parseAlertQuery(parameters: URLSearchParams): AlertQuery {
  const flag = (name: string): boolean => {
    const text = parameters.get(name) ?? "";
    if (text === "" || TRUE_WORDS.test(text)) return true;
    if (FALSE_WORDS.test(text)) return false;
    throw new ApiError(
      "bad_data",
      `Cannot read parameter "${name}": it is "${text}", it must be true or false`,
    );
  };
  return {
    filter: parameters.getAll("filter"),
    receiver: parameters.get("receiver") ?? undefined,
    active: flag("active"),
    silenced: flag("silenced"),
    inhibited: flag("inhibited"),
    unprocessed: flag("unprocessed"),
    muted: flag("muted"),
    receiverMatchers: parameters.getAll("receiver_matchers"),
  };
}

/**
 * `GET /api/v2/alerts`. Items are made while they are read; undefined ones stand for pauses.
 *
 * @throws {ApiError}
 */
export async function listAlerts(
  dispatcher: Dispatcher,
  query: AlertQuery,
  pace: PausePoints,
): Promise<Iterable<object | undefined>> {
  const select = createSelection(dispatcher, query);
  const statusOf = dispatcher.statusReader();
  const alerts = await dispatcher.alertsInSlices(pace);
  return (function* () {
    for (const alert of alerts) {
      const receivers = dispatcher.receiversOf(alert);
      const status = statusOf(alert);
      const isWanted = receivers.some(select.receiver) && select.alert(alert, status);
      yield isWanted ? gettableAlert(alert, { ...status, mutedBy: [] }, receivers) : undefined;
    }
  })();
}

/**
 * `GET /api/v2/alerts/groups`. The alerts of each group are made while they are read.
 *
 * @throws {ApiError}
 */
export async function listAlertGroups(
  dispatcher: Dispatcher,
  query: AlertQuery,
  pace: PausePoints,
): Promise<object[]> {
  const select = createSelection(dispatcher, query);
  const statusOf = dispatcher.statusReader();
  const firing = new Set<string>();
  for (const { fingerprint } of await dispatcher.alertsInSlices(pace)) {
    firing.add(fingerprint);
    if (pace.isDue(1)) await pace.pause();
  }
  const wanted = dispatcher
    .alertGroups()
    .filter(
      ({ receiver, mutedBy }) => select.receiver(receiver) && (query.muted || mutedBy.length === 0),
    );
  const groups = await sortPaced(
    wanted,
    (left, right) =>
      compareLabelSets(left.labels, right.labels) || compareStrings(left.receiver, right.receiver),
    pace,
  );
  const found: object[] = [];
  for (const { receiver, labels, alerts, mutedBy } of groups) {
    const selected: StoredAlert[] = [];
    for (const alert of alerts) {
      if (firing.has(alert.fingerprint) && select.alert(alert, statusOf(alert)))
        selected.push(alert);
      if (pace.isDue(WORK_PER_ALERT)) await pace.pause();
    }
    if (selected.length === 0) continue;
    const bodies = (function* () {
      for (const alert of selected)
        yield gettableAlert(alert, { ...statusOf(alert), mutedBy }, dispatcher.receiversOf(alert));
    })();
    found.push({ alerts: bodies, labels: labels.toObject(), receiver: { name: receiver } });
  }
  return found;
}

/**
 * `GET /api/v2/silences`, the active ones first.
 *
 * @throws {ApiError}
 */
export function listSilences(dispatcher: Dispatcher, filter: readonly string[]): GettableSilence[] {
  const { silences } = dispatcher;
  const matchers = parseFilter(filter);
  const order = { active: 0, pending: 1, expired: 2 };
  const found = silences.list().filter((silence) => fitsFilter(silence, matchers));
  found.sort((left, right) => {
    const [state, otherState] = [silences.stateOf(left), silences.stateOf(right)];
    const byTime =
      state === "expired" ? right.endsAtMs - left.endsAtMs : left.endsAtMs - right.endsAtMs;
    return order[state] - order[otherState] || byTime;
  });
  return found.map((silence) => gettableSilence(dispatcher, silence));
}

/**
 * `POST /api/v2/silences`.
 *
 * @throws {ApiError}
 */
export async function postSilence(
  dispatcher: Dispatcher,
  posted: PostedSilence,
): Promise<{ silenceID: string }> {
  try {
    const matchers = posted.matchers.map(createMatcher);
    return { silenceID: await dispatcher.silences.set({ ...posted, matchers }) };
  } catch (error) {
    if (error instanceof SilenceNotFoundError)
      throw new ApiError("not_found", error.message, { cause: error });
    if (error instanceof BadInputError)
      throw new ApiError("bad_data", error.message, { cause: error });
    throw new ApiError("internal", messageOf(error), { cause: error });
  }
}

/**
 * `GET /api/v2/silence/{id}`.
 *
 * @throws {ApiError}
 */
export function getSilence(dispatcher: Dispatcher, id: string): GettableSilence {
  requireUuid(id);
  const silence = dispatcher.silences.get(id);
  if (silence === undefined) throw new ApiError("not_found", "silence not found");
  return gettableSilence(dispatcher, silence);
}

/**
 * `DELETE /api/v2/silence/{id}`; the answer has no body.
 *
 * @throws {ApiError}
 */
export async function deleteSilence(dispatcher: Dispatcher, id: string): Promise<void> {
  requireUuid(id);
  try {
    await dispatcher.silences.expire(id);
  } catch (error) {
    // Older versions of Alertmanager answer 500, newer ones 404.
    if (error instanceof SilenceNotFoundError)
      throw new ApiError("not_found", error.message, { cause: error });
    throw new ApiError("internal", messageOf(error), { cause: error });
  }
}

/** `GET /api/v2/receivers`. */
export function listReceivers(dispatcher: Dispatcher): object[] {
  return [...dispatcher.currentConfig.receivers.values()].map(({ name, labels }) => ({
    labels: labels.toObject(),
    name,
  }));
}

/** `GET /api/v2/status`. */
export function status(
  dispatcher: Dispatcher,
  versionInfo: { version: string; nodeVersion: string },
): object {
  return {
    cluster: { peers: [], status: "disabled" },
    config: { original: dispatcher.currentConfig.masked },
    uptime: new Date(dispatcher.startedAtMs).toISOString(),
    versionInfo: {
      branch: "",
      buildDate: "",
      buildUser: "",
      goVersion: versionInfo.nodeVersion,
      revision: "",
      version: versionInfo.version,
    },
  };
}

interface Selection {
  receiver(name: string): boolean;
  alert(alert: StoredAlert, status: AlertStatus): boolean;
}

function createSelection({ currentConfig }: Dispatcher, query: AlertQuery): Selection {
  const matchers = parseFilter(query.filter);
  const receiver = query.receiver === undefined ? undefined : compileReceiver(query.receiver);
  const receiverMatchers = parseFilter(query.receiverMatchers);
  const labelsOf = (name: string): Labels =>
    currentConfig.receivers.get(name)?.labels ?? Labels.EMPTY;
  return {
    receiver: (name) =>
      (receiver === undefined || receiver.matches(name)) &&
      (receiverMatchers.length === 0 || matchesAll(receiverMatchers, labelsOf(name))),
    alert(alert, { silencedBy, inhibitedBy }) {
      const isActive = silencedBy.length + inhibitedBy.length === 0;
      if (isActive && !query.active) return false;
      if (silencedBy.length > 0 && !query.silenced) return false;
      if (inhibitedBy.length > 0 && !query.inhibited) return false;
      return matchesAll(matchers, alert.labels);
    },
  };
}

function parseFilter(filter: readonly string[]): Matcher[] {
  try {
    return filter.map(parseMatcher);
  } catch (error) {
    throw new ApiError("bad_data", messageOf(error), { cause: error });
  }
}

function compileReceiver(pattern: string): RegularExpression {
  try {
    return RegularExpression.compile(pattern);
  } catch (error) {
    throw new ApiError("bad_data", `failed to parse receiver param: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** A silence fits when each filter is one of its matchers, as in Alertmanager 0.33. */
function fitsFilter(silence: Silence, filter: readonly Matcher[]): boolean {
  return filter.every((wanted) =>
    silence.matchers.some(
      (matcher) =>
        matcher.name === wanted.name &&
        matcher.value === wanted.value &&
        matcher.isRegex === wanted.isRegex &&
        matcher.isEqual === wanted.isEqual,
    ),
  );
}

function gettableAlert(
  alert: StoredAlert,
  { silencedBy, inhibitedBy, mutedBy }: AlertStatus & Pick<GroupView, "mutedBy">,
  receivers: string[],
): object {
  const isSuppressed = silencedBy.length + inhibitedBy.length + mutedBy.length > 0;
  return {
    annotations: alert.annotations.toObject(),
    endsAt: new Date(alert.endsAtMs).toISOString(),
    fingerprint: alert.fingerprint,
    receivers: receivers.map((name) => ({ name })),
    startsAt: new Date(alert.startsAtMs).toISOString(),
    status: { inhibitedBy, mutedBy, silencedBy, state: isSuppressed ? "suppressed" : "active" },
    updatedAt: new Date(alert.updatedAtMs).toISOString(),
    ...(alert.generatorUrl === "" ? {} : { generatorURL: alert.generatorUrl }),
    labels: alert.labels.toObject(),
  };
}

/** A silence as the API shows it. */
interface GettableSilence {
  readonly id: string;
  readonly status: { readonly state: SilenceState };
  readonly updatedAt: string;
  readonly comment: string;
  readonly createdBy: string;
  readonly endsAt: string;
  readonly matchers: readonly MatcherParts[];
  readonly startsAt: string;
}

function gettableSilence(dispatcher: Dispatcher, silence: Silence): GettableSilence {
  return {
    id: silence.id,
    status: { state: dispatcher.silences.stateOf(silence) },
    updatedAt: new Date(silence.updatedAtMs).toISOString(),
    comment: silence.comment,
    createdBy: silence.createdBy,
    endsAt: new Date(silence.endsAtMs).toISOString(),
    matchers: silence.matchers.map(({ isEqual, isRegex, name, value }) => ({
      isEqual,
      isRegex,
      name,
      value,
    })),
    startsAt: new Date(silence.startsAtMs).toISOString(),
  };
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function requireUuid(id: string): void {
  if (UUID.test(id)) return;
  const message = `silenceID in path must be of type uuid: ${JSON.stringify(id)}`;
  throw new ApiError("invalid_body", message, { schemaCode: SCHEMA_CODES.invalidType });
}
