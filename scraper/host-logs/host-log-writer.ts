import { messageOf } from "../../exporter/shared/model/errors.js";
import type { OwnMetric } from "../../exporter/shared/model/own-metric.js";
import type { Clock } from "../../exporter/shared/platform/clock.js";
import type { Files } from "../../exporter/shared/platform/files.js";
import type { Logger } from "../../exporter/shared/platform/logger.js";
import type { HostLogSettings } from "./host-log-settings.js";
import { WriteSlots } from "./write-slots.js";

const WRITES_AT_ONCE = 8;

export interface HostLogParts {
  /** The data folder; logs go to `hosts/<ip>/log/` below it. */
  readonly folder: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: HostLogSettings;
}

/** What all logs share: slots to write in, counts, and one report when the disk begins or ceases to refuse. */
export class HostLogWriter {
  /** Of lines from scrapes and alarms. */
  written = 0;
  /** Of lines from histories. */
  filled = 0;
  lost = 0;
  private failures = 0;
  private isFailing = false;
  private readonly slots = new WriteSlots(WRITES_AT_ONCE);
  /** A filled log is read whole: one after the other, so that memory stays bounded. */
  private readonly fillSlots = new WriteSlots(1);

  constructor(readonly parts: HostLogParts) {}

  /** Never rejects. @param work rejects with the system's error */
  write(work: () => Promise<void>): Promise<void> {
    return this.slots.run(() => this.tryOut(work));
  }

  fill(work: () => Promise<void>): Promise<void> {
    return this.fillSlots.run(() => this.tryOut(work));
  }

  metrics(): OwnMetric[] {
    const counter = (name: string, help: string, value: number): OwnMetric => ({ name, help, type: "counter", value });
    const { written, filled, lost, failures } = this;
    return [
      counter("pihealth_host_log_lines_total", "Lines written to the logs of hosts.", written),
      counter("pihealth_host_log_filled_lines_total", "Lines put into the logs of hosts from their histories.", filled),
      counter("pihealth_host_log_lost_lines_total", "Lines lost because the disk refused or was too slow.", lost),
      counter("pihealth_host_log_failures_total", "Writes to the logs of hosts that the disk refused.", failures),
    ];
  }

  private async tryOut(work: () => Promise<void>): Promise<void> {
    const { log } = this.parts;
    try {
      await work();
      if (this.isFailing) log.info("Logs of hosts are written again", { lost: this.lost });
      this.isFailing = false;
    } catch (error) {
      this.failures++;
      if (!this.isFailing) log.error("Logs of hosts not written", { error: messageOf(error) });
      this.isFailing = true;
    }
  }
}
