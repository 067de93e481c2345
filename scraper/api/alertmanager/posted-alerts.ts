import { JsonFields } from "../../../exporter/shared/codec/json-fields.js";
import { isLabelName, Labels } from "../../../exporter/shared/model/labels.js";
import type { Alert } from "../../alerting/alerts/alert.js";
import {
  MAX_ALERT_LABELS,
  MAX_ANNOTATION_CHARACTERS,
  MAX_LABEL_NAME_CHARACTERS,
  MAX_LABEL_VALUE_CHARACTERS,
} from "../../alerting/alerts/alert-store.js";
import { isHttpUrl } from "../../alerting/config/parse-receiver.js";
import { ApiError } from "../http/api-errors.js";
import { decodeBody, optionalTimeMs, SCHEMA_CODES } from "./posted-json.js";

/** The size of the body is limited as for every route, by MAX_BODY_BYTES. */
export const MAX_POSTED_ALERTS = 5000;
const MAX_URL_CHARACTERS = 8192;
const MAX_SHOWN_CHARACTERS = 300;

interface DecodeOptions {
  readonly nowMs: number;
  /** How long an alert without an end counts as firing. */
  readonly resolveTimeoutMs: number;
}

/**
 * Reads the body of `POST /api/v2/alerts`. An alert without a start starts now, an alert without an
 * end ends after `resolveTimeoutMs`.
 *
 * @throws {ApiError} 400, 413 or 422 when any alert is not acceptable: then none is taken
 */
export function decodePostedAlerts(body: string, options: DecodeOptions): Alert[] {
  return decodeBody(() => {
    const alerts = JsonFields.parseList(body, "alerts");
    if (alerts.length > MAX_POSTED_ALERTS) {
      const detail = `at most ${MAX_POSTED_ALERTS} may be in one request`;
      throw new ApiError("too_large", `Cannot take ${alerts.length} alerts: ${detail}`);
    }
    return alerts.map((fields) => decodeAlert(fields, options));
  });
}

function decodeAlert(fields: JsonFields, { nowMs, resolveTimeoutMs }: DecodeOptions): Alert {
  const labels = decodeLabels(fields, "labels", MAX_LABEL_VALUE_CHARACTERS);
  if (labels.pairs.length === 0) throw refused("at least one label pair required");
  const startsAtMs = optionalTimeMs(fields, "startsAt");
  const endsAtMs = optionalTimeMs(fields, "endsAt");
  const alert = {
    labels,
    annotations: fields.has("annotations")
      ? decodeLabels(fields, "annotations", MAX_ANNOTATION_CHARACTERS)
      : Labels.EMPTY,
    startsAtMs: startsAtMs ?? Math.min(nowMs, endsAtMs ?? nowMs),
    endsAtMs: endsAtMs ?? nowMs + resolveTimeoutMs,
    endsByTimeout: endsAtMs === undefined,
    generatorUrl: decodeUrl(fields, "generatorURL"),
  };
  if (alert.endsAtMs < alert.startsAtMs) throw refused("start time must be before end time");
  return alert;
}

function decodeLabels(
  fields: JsonFields,
  field: "labels" | "annotations",
  maxValueCharacters: number,
): Labels {
  const entries = Object.entries(fields.textMap(field));
  const problem = (detail: string): ApiError =>
    refused(`Cannot take alert ${fields.path.join(".")}: ${detail}`);
  if (entries.length > MAX_ALERT_LABELS) {
    throw problem(`it has ${entries.length} ${field}, at most ${MAX_ALERT_LABELS} may be`);
  }
  for (const [name, value] of entries) {
    if (!isLabelName(name) || name.length > MAX_LABEL_NAME_CHARACTERS) {
      throw refused(`invalid label set: invalid name ${shown(name)}`);
    }
    if (value.length > maxValueCharacters) {
      throw problem(`${name} is longer than ${maxValueCharacters} characters`);
    }
  }
  return Labels.of(entries);
}

/** Mails show the URL as a link, so only http and https are accepted. */
function decodeUrl(fields: JsonFields, field: string): string {
  const url = fields.optional(field, (key) => fields.text(key)) ?? "";
  if (url === "" || (url.length <= MAX_URL_CHARACTERS && isHttpUrl(url))) return url;
  const place = [...fields.path, field].join(".");
  throw new ApiError("invalid_body", `${place} in body must be of type uri: ${shown(url)}`, {
    schemaCode: SCHEMA_CODES.invalidType,
  });
}

const refused = (message: string): ApiError => new ApiError("bad_data", message);

const shown = (text: string): string => JSON.stringify(text.slice(0, MAX_SHOWN_CHARACTERS));
