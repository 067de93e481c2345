import { isLegacyLabelName, Labels } from "../../../exporter/shared/model/labels.js";
import type { Alert } from "../../alerting/alerts/alert.js";
import {
  MAX_ALERT_LABELS,
  MAX_ANNOTATION_CHARACTERS,
  MAX_LABEL_NAME_CHARACTERS,
  MAX_LABEL_VALUE_CHARACTERS,
} from "../../alerting/alerts/alert-store.js";
import { ApiError } from "./api-error.js";
import {
  isObject,
  optionalTime,
  parseJson,
  requiredField,
  textMap,
  wrongType,
  type JsonObject,
} from "./posted-json.js";
import { isHttpUrl } from "../../alerting/config/parse-receiver.js";

/** What a caller should read of a body at most before it is decoded. */
export const MAX_ALERTS_BODY_BYTES = 4 * 1024 * 1024;
export const MAX_POSTED_ALERTS = 5000;
const MAX_URL_CHARACTERS = 8192;

interface DecodeOptions {
  readonly nowMs: number;
  /** How long an alert without an end is held to be firing. */
  readonly resolveTimeoutMs: number;
}

/**
 * Reads the body of `POST /api/v2/alerts`. An alert without a start starts now, one without an end
 * ends by timeout.
 *
 * @throws {ApiError} 400 or 422 when any alert is not acceptable: then none is taken
 */
export function decodePostableAlerts(body: string, options: DecodeOptions): Alert[] {
  const value = parseJson(body, "alerts");
  if (!Array.isArray(value)) throw wrongType("alerts", "a list of alerts");
  if (value.length > MAX_POSTED_ALERTS) {
    throw new ApiError(
      413,
      `Cannot take ${value.length} alerts: at most ${MAX_POSTED_ALERTS} may be in one request`,
    );
  }
  return value.map((entry: unknown, index) => decodeAlert(entry, String(index), options));
}

function decodeAlert(
  entry: unknown,
  place: string,
  { nowMs, resolveTimeoutMs }: DecodeOptions,
): Alert {
  if (!isObject(entry)) throw wrongType(place, "an object");
  if (entry["labels"] === undefined) throw requiredField(`${place}.labels`);
  const labels = decodeLabels(entry, place, "labels", MAX_LABEL_VALUE_CHARACTERS);
  if (labels.pairs.length === 0) throw new ApiError(400, "at least one label pair required");
  const startsAtMs = optionalTime(entry["startsAt"], `${place}.startsAt`);
  const endsAtMs = optionalTime(entry["endsAt"], `${place}.endsAt`);
  const alert = {
    labels,
    annotations: decodeLabels(entry, place, "annotations", MAX_ANNOTATION_CHARACTERS),
    startsAtMs: startsAtMs ?? Math.min(nowMs, endsAtMs ?? nowMs),
    endsAtMs: endsAtMs ?? nowMs + resolveTimeoutMs,
    endsByTimeout: endsAtMs === undefined,
    generatorUrl: decodeUrl(entry["generatorURL"], `${place}.generatorURL`),
  };
  if (alert.endsAtMs < alert.startsAtMs)
    throw new ApiError(400, "start time must be before end time");
  return alert;
}

function decodeLabels(
  entry: JsonObject,
  place: string,
  field: string,
  maxValueCharacters: number,
): Labels {
  const texts = textMap(entry[field], `${place}.${field}`);
  const names = Object.keys(texts);
  if (names.length > MAX_ALERT_LABELS) {
    const detail = `it has ${names.length} ${field}, at most ${MAX_ALERT_LABELS} may be`;
    throw new ApiError(400, `Cannot take alert ${place}: ${detail}`);
  }
  for (const name of names) {
    const isName = isLegacyLabelName(name) && name.length <= MAX_LABEL_NAME_CHARACTERS;
    if (!isName)
      throw new ApiError(
        400,
        `invalid label set: invalid name ${JSON.stringify(name.slice(0, 300))}`,
      );
    if ((texts[name] ?? "").length > maxValueCharacters) {
      throw new ApiError(
        400,
        `Cannot take alert ${place}: ${name} is longer than ${maxValueCharacters} characters`,
      );
    }
  }
  return Labels.of(texts);
}

/** Shown as a link in mails, so only the two schemes of the web are taken. */
function decodeUrl(value: unknown, place: string): string {
  if (value === undefined || value === null || value === "") return "";
  if (typeof value !== "string") throw wrongType(place, "a text");
  if (value.length <= MAX_URL_CHARACTERS && isHttpUrl(value)) return value;
  const shown = JSON.stringify(value.slice(0, 300));
  throw new ApiError(422, { code: 601, message: `${place} in body must be of type uri: ${shown}` });
}
