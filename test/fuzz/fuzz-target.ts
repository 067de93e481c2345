import { PihealthError } from "../../exporter/shared/model/errors.js";
import { HttpSyntaxError } from "../../exporter/shared/platform/http/http-head.js";
import { BodyTooLargeError } from "../../exporter/shared/platform/http/http-response-reader.js";

/** A reader of input from outside, with examples of what it reads. */
export interface FuzzTarget {
  readonly name: string;
  /** Valid inputs, which are changed at random; at most some kilobytes each. */
  readonly seeds: readonly Buffer[];
  /** Words and bytes that are inserted at random. */
  readonly tokens: readonly string[];
  /** Reads an input. It may refuse the input with an error for which {@link isRefusal} holds. */
  readonly run: (input: Buffer) => unknown;
  /** Releases servers and the like. */
  readonly close?: () => Promise<void>;
}

/** True for errors that this project throws on purpose; anything else is a bug. */
export function isRefusal(error: unknown): boolean {
  return (
    error instanceof PihealthError ||
    error instanceof HttpSyntaxError ||
    error instanceof BodyTooLargeError
  );
}
