import assert from "node:assert/strict";
import { test } from "node:test";
import { leftOutSample } from "../../../exporter/collectors/left-out.js";
import { createLeftOutLog } from "../../../exporter/sampling/left-out-log.js";
import { silentLogger } from "../../../exporter/shared/platform/logger.js";

test("rows that are left out are logged once, and again after all were shown", () => {
  const lines: string[] = [];
  const log = createLeftOutLog({
    ...silentLogger,
    warn: (message, fields) => void lines.push(`${message} ${JSON.stringify(fields)}`),
  });
  for (const count of [0, 3, 4, 0, 5]) {
    log({
      ...{ collector: "disk", family: "disk", wallMs: 0, monotonicMs: 0, durationMs: 1 },
      ...{ ok: true, error: undefined, samples: [leftOutSample("disk", "filesystem", count)] },
    });
  }
  assert.deepEqual(lines, [
    'Rows left out of the metrics {"collector":"disk","kind":"filesystem","rows":3}',
    'Rows left out of the metrics {"collector":"disk","kind":"filesystem","rows":5}',
  ]);
});
