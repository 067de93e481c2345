import { randomUUID } from "node:crypto";
import path from "node:path";
import type { JsonFields } from "../../../exporter/shared/codec/json-fields.js";
import { BadInputError, PihealthError } from "../../../exporter/shared/model/errors.js";
import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import type { Files } from "../../../exporter/shared/platform/files.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { JsonLinesFile, RECORD_VERSION } from "./json-lines-file.js";
import { SilenceIndex } from "./silence-index.js";
import { createMatcher, matchesAll, type Matcher } from "../config/matchers.js";

/** Mutes alerts that all its matchers match, from `startsAtMs` until `endsAtMs`. */
export interface Silence {
  /** A UUID. */
  readonly id: string;
  readonly matchers: readonly Matcher[];
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly updatedAtMs: number;
  readonly createdBy: string;
  readonly comment: string;
}

export type SilenceState = "pending" | "active" | "expired";

/**
 * A silence as a person requests it. With an `id` it changes that silence, or replaces it when the
 * change would alter the past.
 */
export interface WantedSilence {
  readonly id: string | undefined;
  readonly matchers: readonly Matcher[];
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly createdBy: string;
  readonly comment: string;
}

export class SilenceNotFoundError extends PihealthError {
  readonly code = "silence_not_found";
}

export const MAX_SILENCES = 10_000;
export const MAX_SILENCE_MATCHERS = 64;
export const MAX_SILENCE_TEXT_CHARACTERS = 4096;
/** How long an expired silence stays visible. */
export const SILENCE_RETENTION_MS = 5 * 86_400_000;

interface SilencesOptions {
  readonly files: Files;
  readonly log: Logger;
  readonly folder: string;
  readonly clock: Clock;
}

/** All silences, in memory and in `silences.jsonl`. */
export class Silences {
  private readonly silences = new Map<string, Silence>();
  private readonly file: JsonLinesFile<Silence>;
  private readonly clock: Clock;
  private active: { fromMs: number; untilMs: number; index: SilenceIndex } | undefined;

  constructor({ files, log, folder, clock }: SilencesOptions) {
    this.clock = clock;
    this.file = new JsonLinesFile({
      files,
      log,
      effect: "silences of earlier runs are forgotten",
      filePath: path.join(folder, "silences.jsonl"),
      current: () => this.silences.values(),
      encode: encodeSilence,
    });
  }

  /**
   * @returns the number of unreadable lines
   */
  async load(): Promise<number> {
    const { records, damaged } = await this.file.load(decodeSilence);
    for (const silence of records) this.silences.set(silence.id, silence);
    this.active = undefined;
    this.forgetOld();
    return damaged;
  }

  close(): Promise<void> {
    return this.file.close();
  }

  list(): Silence[] {
    this.forgetOld();
    return [...this.silences.values()];
  }

  get(id: string): Silence | undefined {
    return this.silences.get(id);
  }

  stateOf(silence: Silence): SilenceState {
    const nowMs = this.clock.wallMs();
    if (nowMs >= silence.endsAtMs) return "expired";
    return nowMs < silence.startsAtMs ? "pending" : "active";
  }

  /** Ids of the active silences that mute the labels, sorted. */
  silencing(labels: Labels): readonly string[] {
    const nowMs = this.clock.wallMs();
    if (this.active === undefined || nowMs < this.active.fromMs || nowMs >= this.active.untilMs)
      this.active = this.indexAt(nowMs);
    return this.active.index.silencing(labels);
  }

  /** The index of the silences that are active now, and how long none begins or ends. */
  private indexAt(nowMs: number): { fromMs: number; untilMs: number; index: SilenceIndex } {
    let untilMs = Number.POSITIVE_INFINITY;
    const active: Silence[] = [];
    for (const silence of this.silences.values()) {
      if (this.stateOf(silence) === "active") active.push(silence);
      for (const atMs of [silence.startsAtMs, silence.endsAtMs])
        if (atMs > nowMs) untilMs = Math.min(untilMs, atMs);
    }
    return { fromMs: nowMs, untilMs, index: new SilenceIndex(active) };
  }

  /**
   * Whether a silence mutes the labels now or muted them at that time. Silences older than
   * SILENCE_RETENTION_MS are not known.
   */
  hasSilenced(labels: Labels, atMs: number): boolean {
    return [...this.silences.values()].some((silence) => {
      const { startsAtMs, endsAtMs, matchers } = silence;
      const isInForce =
        this.stateOf(silence) === "active" || (startsAtMs <= atMs && atMs < endsAtMs);
      return isInForce && matchesAll(matchers, labels);
    });
  }

  /**
   * Creates a silence or changes one. Resolves when it is stored.
   *
   * @returns the id, which is new when the silence was created or replaced
   * @throws {BadInputError} when the silence is not acceptable
   * @throws {SilenceNotFoundError} when the id is unknown
   */
  async set(wanted: WantedSilence): Promise<string> {
    const nowMs = this.clock.wallMs();
    const previous = wanted.id === undefined ? undefined : this.existing(wanted.id);
    checkSilence(wanted, nowMs);
    if (previous !== undefined && canBecome(previous, wanted, this.stateOf(previous), nowMs)) {
      return this.store([{ ...previous, ...wanted, id: previous.id, updatedAtMs: nowMs }]);
    }
    this.requireRoom();
    const startsAtMs = Math.max(nowMs, wanted.startsAtMs);
    const created = { ...wanted, id: randomUUID(), startsAtMs, updatedAtMs: nowMs };
    const isReplaced = previous !== undefined && this.stateOf(previous) !== "expired";
    return this.store(isReplaced ? [ended(previous, nowMs), created] : [created]);
  }

  /**
   * Ends a silence now. A silence that has already ended does not change.
   *
   * @throws {SilenceNotFoundError}
   */
  async expire(id: string): Promise<void> {
    const silence = this.existing(id);
    if (this.stateOf(silence) !== "expired")
      await this.store([ended(silence, this.clock.wallMs())]);
  }

  private existing(id: string): Silence {
    const silence = this.silences.get(id);
    if (silence === undefined) throw new SilenceNotFoundError(`silence not found`);
    return silence;
  }

  private requireRoom(): void {
    this.forgetOld();
    if (this.silences.size < MAX_SILENCES) return;
    throw new BadInputError(
      `Cannot create silence: there are ${MAX_SILENCES} already, expired ones go after 5 days`,
    );
  }

  /**
   * @returns the id of the last silence
   */
  private async store(changed: readonly Silence[]): Promise<string> {
    for (const silence of changed) this.silences.set(silence.id, silence);
    this.active = undefined;
    await this.file.append(changed);
    return changed.at(-1)?.id ?? "";
  }

  private forgetOld(): void {
    const oldestMs = this.clock.wallMs() - SILENCE_RETENTION_MS;
    for (const silence of this.silences.values()) {
      if (silence.endsAtMs < oldestMs) this.silences.delete(silence.id);
    }
  }
}

function ended(silence: Silence, nowMs: number): Silence {
  return {
    ...silence,
    startsAtMs: Math.min(silence.startsAtMs, nowMs),
    endsAtMs: nowMs,
    updatedAtMs: nowMs,
  };
}

/**
 * Whether an update may keep the id. The silence must still explain which alerts it has muted so
 * far.
 */
function canBecome(
  previous: Silence,
  wanted: WantedSilence,
  state: SilenceState,
  nowMs: number,
): boolean {
  if (previous.matchers.join() !== wanted.matchers.join()) return false;
  if (state === "expired") return false;
  return state === "active"
    ? wanted.startsAtMs === previous.startsAtMs
    : wanted.startsAtMs >= nowMs;
}

function checkSilence(wanted: WantedSilence, nowMs: number): void {
  const { matchers, startsAtMs, endsAtMs, createdBy, comment } = wanted;
  if (endsAtMs <= startsAtMs)
    throw new BadInputError("Failed to create silence: start time must be before end time");
  if (endsAtMs <= nowMs)
    throw new BadInputError("Failed to create silence: end time can't be in the past");
  if (matchers.length === 0 || matchers.length > MAX_SILENCE_MATCHERS) {
    throw new BadInputError(`silence invalid: it must have 1 to ${MAX_SILENCE_MATCHERS} matchers`);
  }
  // As in Alertmanager, != and !~ count as conditions although a missing label fulfils them.
  if (matchers.every((matcher) => matcher.isEqual && matcher.matches(""))) {
    throw new BadInputError(
      "silence invalid: at least one matcher must not match the empty string",
    );
  }
  if (Math.max(createdBy.length, comment.length) > MAX_SILENCE_TEXT_CHARACTERS) {
    throw new BadInputError(
      `silence invalid: texts must have at most ${MAX_SILENCE_TEXT_CHARACTERS} characters`,
    );
  }
}

interface SilenceLine extends Omit<Silence, "matchers"> {
  readonly v: number;
  readonly matchers: readonly object[];
}

function encodeSilence(silence: Silence): SilenceLine {
  const matchers = silence.matchers.map(({ name, value, isRegex, isEqual }) => ({
    name,
    value,
    isRegex,
    isEqual,
  }));
  const { id, startsAtMs, endsAtMs, updatedAtMs, createdBy, comment } = silence;
  return { v: RECORD_VERSION, id, matchers, startsAtMs, endsAtMs, updatedAtMs, createdBy, comment };
}

export function decodeSilence(fields: JsonFields): Silence {
  return {
    id: fields.text("id"),
    matchers: fields.objects("matchers").map(decodeMatcher),
    startsAtMs: fields.number("startsAtMs"),
    endsAtMs: fields.number("endsAtMs"),
    updatedAtMs: fields.number("updatedAtMs"),
    createdBy: fields.text("createdBy"),
    comment: fields.text("comment"),
  };
}

function decodeMatcher(fields: JsonFields): Matcher {
  return createMatcher({
    name: fields.text("name"),
    value: fields.text("value"),
    isRegex: fields.boolean("isRegex"),
    isEqual: fields.boolean("isEqual"),
  });
}
