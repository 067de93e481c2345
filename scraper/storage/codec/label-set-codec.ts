import { deflateRawSync, inflateRawSync } from "node:zlib";
import { ByteReader, MalformedBytesError } from "../../../exporter/shared/journal/byte-reader.js";
import { ByteWriter } from "../../../exporter/shared/journal/byte-writer.js";
import { type LabelPair, Labels } from "../../../exporter/shared/model/labels.js";
import { messageOf } from "../../../exporter/shared/model/errors.js";

const MAX_LABEL_SETS = 250_000;
const MAX_PAIRS = 65_536;
/** Largest size that deflated label sets may inflate to. */
const MAX_TEXT_BYTES = 256 * 1024 * 1024;

/** Appends label sets, deflated together. */
export function writeLabelSets(sets: readonly (readonly LabelPair[])[], writer: ByteWriter): void {
  const text = new ByteWriter(sets.length * 32);
  for (const pairs of sets) writePairs(pairs, text);
  const deflated = deflateRawSync(text.written(), { level: 6 });
  writer.varint(sets.length);
  writer.varint(deflated.length);
  writer.raw(deflated);
}

/** @throws {MalformedBytesError} when the bytes are not what `writeLabelSets` wrote */
export function readLabelSets(reader: ByteReader): Labels[] {
  const count = reader.count(MAX_LABEL_SETS);
  const deflated = reader.raw(reader.count(reader.end - reader.offset));
  const text = new ByteReader(inflate(deflated));
  return Array.from({ length: count }, () => readPairs(text));
}

export function writePairs(pairs: readonly LabelPair[], writer: ByteWriter): void {
  writer.varint(pairs.length);
  for (const [name, value] of pairs) {
    writer.text(name);
    writer.text(value);
  }
}

export function readPairs(reader: ByteReader): Labels {
  const count = reader.count(MAX_PAIRS);
  const pairs: LabelPair[] = [];
  for (let index = 0; index < count; index++) pairs.push([reader.text(), reader.text()]);
  return Labels.of(pairs);
}

function inflate(deflated: Uint8Array): Uint8Array {
  try {
    return inflateRawSync(deflated, { maxOutputLength: MAX_TEXT_BYTES });
  } catch (error) {
    throw new MalformedBytesError(`Cannot read label sets: ${messageOf(error)}`, { cause: error });
  }
}
