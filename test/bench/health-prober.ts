/** Asks `/-/healthy` again and again, in a thread of its own, so that reading answers does not delay it. */
import http from "node:http";
import { parentPort, workerData } from "node:worker_threads";
import { JsonFields } from "../../exporter/shared/codec/json-fields.js";

const fields = JsonFields.parse(String(workerData), "data of the prober");
const url = fields.text("url");
const everyMs = fields.number("everyMs");
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
const waits: number[] = [];

function ask(): Promise<void> {
  const startMs = performance.now();
  return new Promise((resolve) => {
    const end = (): void => {
      waits.push(performance.now() - startMs);
      resolve();
    };
    const request = http.get(url, { agent }, (response) => {
      response.resume();
      response.once("close", end);
    });
    request.once("error", end);
  });
}

/** Sends the waits since the last message, in milliseconds. */
parentPort?.on("message", () => parentPort?.postMessage(waits.splice(0)));

for (;;) {
  await ask();
  await new Promise((resolve) => setTimeout(resolve, everyMs));
}
