/**
 * The way of one alert group to its receiver. A group that is due comes in; messages go out to the
 * outbox, and the decisions of all stages to the decision log. The dispatcher's loop runs it, several
 * groups at a time.
 */
import { messageOf } from "../../../exporter/shared/model/errors.js";
import { sha256Hex } from "../../../exporter/shared/model/hash.js";
import type { Clock } from "../../../exporter/shared/platform/clock.js";
import { TimeSlices } from "../../../exporter/shared/platform/time-slices.js";
import type { Logger } from "../../../exporter/shared/platform/logger.js";
import { isResolvedAt, type StoredAlert } from "../alerts/alert-store.js";
import type { Inhibitor } from "../alerts/inhibition.js";
import {
  expiryOf,
  type NotificationLog,
  type NotificationRecord,
} from "../alerts/notification-log.js";
import type { Silences } from "../alerts/silences.js";
import type { Integration, NotificationConfig } from "../config/notification-config.js";
import type { Outbox } from "../delivery/outbox.js";
import type { MessageRenderer } from "../messages/message-renderer.js";
import type { NotificationTemplates } from "../messages/notification-templates.js";
import type { OutboxMessage } from "../messages/outbox-message.js";
import type { AlertGroup } from "./alert-group.js";
import type { Now } from "./alert-groups.js";
import type { Decision } from "./decision.js";
import type { DecisionLog, IntegrationDecisions } from "./decision-log.js";
import { ALERT_STAGES, deduplicate, wait, type AlertStageContext } from "./stages.js";

export interface PipelineCounts {
  /** Messages handed to the outbox, by kind. */
  email: number;
  webhook: number;
  unsavedRecords: number;
}

interface PipelineOptions {
  readonly outbox: Outbox;
  readonly notificationLog: NotificationLog;
  readonly decisionLog: DecisionLog;
  readonly renderer: MessageRenderer;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly log: Logger;
}

/** Fixed for all groups that are flushed together. */
export interface FlushContext {
  readonly config: NotificationConfig;
  readonly templates: NotificationTemplates;
  readonly inhibitor: Inhibitor;
  readonly silences: Silences;
  readonly now: Now;
}

/** One notification of one integration. */
interface Attempt {
  readonly group: AlertGroup;
  /** The alerts that passed the alert stages. */
  readonly alerts: readonly StoredAlert[];
  readonly integration: Integration;
  /** Position in the receiver's list of integrations. */
  readonly index: number;
  readonly context: FlushContext;
}

export class NotificationPipeline {
  readonly counts: PipelineCounts = { email: 0, webhook: 0, unsavedRecords: 0 };

  constructor(private readonly options: PipelineOptions) {}

  /** Takes a group through all stages: wait, inhibit, silence, mute, deduplicate, deliver. */
  async run(group: AlertGroup, context: FlushContext): Promise<void> {
    const { now } = context;
    const waited = wait(group, now.monotonicMs);
    if (!waited.passed) return;
    group.beginFlush(now.monotonicMs);
    if (!this.isWaiting(group, context.config)) group.forgetFlushed();
    const members = group.members();
    const stageContext = { ...context, route: group.route, nowMs: now.wallMs };
    const slices = new TimeSlices(this.options.clock);
    const { passed, decisions } = await runAlertStages(members, stageContext, slices);
    const integrations = passed.length === 0 ? [] : await this.notifyAll(group, passed, context);
    const flush = { atMs: now.wallMs, wait: waited, alerts: decisions, integrations };
    this.options.decisionLog.record(group, flush);
    // Without a place in the outbox the group is notified again, of its resolved alerts, too.
    const isFull = integrations.some(({ decisions }) =>
      decisions.some(({ reason }) => reason === "outbox_full"),
    );
    if (!isFull) group.markFlushed(members.filter((alert) => isResolvedAt(alert, now.wallMs)));
  }

  /** Whether a message about the group has not been delivered yet. */
  isWaiting(group: AlertGroup, config: NotificationConfig): boolean {
    const { integrations = [] } = config.receivers.get(group.route.receiver) ?? {};
    return integrations.some((integration, index) =>
      this.options.outbox.hasMessageAbout(recordIdOf({ group, integration, index })),
    );
  }

  /** Whether the last notification of any integration had the alert as firing. */
  hasAsFiring(
    group: Pick<AlertGroup, "route" | "key">,
    fingerprint: string,
    config: NotificationConfig,
  ): boolean {
    const { integrations = [] } = config.receivers.get(group.route.receiver) ?? {};
    return integrations.some((integration, index) =>
      this.options.notificationLog.hasAsFiring(
        recordIdOf({ group, integration, index }),
        fingerprint,
      ),
    );
  }

  /**
   * Stores a message in the outbox and its record in the notification log, then lets the outbox send
   * it. A crash in between loses nothing and repeats nothing: the stored message carries its record.
   *
   * @returns the id of the message; undefined when the outbox is full
   */
  async send(
    { receiver, integration, record, payload }: ReadyMessage,
    options: { isEssential?: boolean } = {},
  ): Promise<string | undefined> {
    const { outbox } = this.options;
    const createdAtMs = record.timestampMs;
    const message = { receiver, integration, createdAtMs, payload, record };
    const id = await outbox.put(message, options);
    if (id === undefined) return undefined;
    await this.store(record);
    this.counts[payload.kind]++;
    outbox.release(id);
    return id;
  }

  private async notifyAll(
    group: AlertGroup,
    alerts: readonly StoredAlert[],
    context: FlushContext,
  ): Promise<IntegrationDecisions[]> {
    const { integrations = [] } = context.config.receivers.get(group.route.receiver) ?? {};
    if (integrations.length === 0) {
      return [{ integration: undefined, decisions: [undelivered("no_integrations")] }];
    }
    return Promise.all(
      integrations.map(async (integration, index) => ({
        integration: `${integration.kind}/${index}`,
        decisions: await this.notify({ group, alerts, integration, index, context }),
      })),
    );
  }

  private async notify(attempt: Attempt): Promise<Decision[]> {
    const { group, alerts, integration, context } = attempt;
    const { repeatIntervalMs } = group.route;
    const { sendResolved } = integration;
    const nowMs = context.now.wallMs;
    const id = recordIdOf(attempt);
    const previous = this.options.notificationLog.get(id);
    const { firing, resolved } = splitByState(alerts, nowMs);
    const input = { previous, firing, resolved, sendResolved, repeatIntervalMs, nowMs };
    const isWaiting = this.options.outbox.hasMessageAbout(id);
    const deduplicated = deduplicate({ ...input, isWaiting });
    if (!deduplicated.passed) return [deduplicated];
    const isSameThread = previous !== undefined && previous.firing.length > 0;
    const delivered = await this.deliver(attempt, {
      id,
      firing,
      resolved,
      timestampMs: nowMs,
      threadMs: isSameThread ? previous.threadMs : nowMs,
      expiresAtMs: expiryOf(nowMs, repeatIntervalMs),
    });
    return [deduplicated, delivered];
  }

  private async deliver(attempt: Attempt, record: NotificationRecord): Promise<Decision> {
    const { group, alerts, integration, index, context } = attempt;
    const { receiver } = group.route;
    const nowMs = context.now.wallMs;
    const wanted = integration.sendResolved
      ? alerts
      : alerts.filter((alert) => !isResolvedAt(alert, nowMs));
    const notification = {
      receiver,
      groupKey: group.key,
      groupLabels: group.labels,
      alerts: wanted,
      nowMs,
    };
    const payload =
      wanted.length === 0
        ? undefined
        : this.options.renderer.render(notification, integration, record, context.templates);
    if (payload === undefined) {
      if (wanted.length === 0) await this.options.outbox.withdrawAbout(record.id);
      await this.store(record);
      return undelivered(wanted.length === 0 ? "no_resolved_notices" : "cannot_render");
    }
    const messageId = await this.send({ receiver, integration: index, record, payload });
    if (messageId === undefined) return undelivered("outbox_full");
    return { stage: "deliver", passed: true, reason: "handed_over", by: [messageId] };
  }

  private async store(record: NotificationRecord): Promise<void> {
    try {
      await this.options.notificationLog.record(record);
    } catch (error) {
      this.counts.unsavedRecords++;
      this.options.log.warn("Cannot store notification record", { error: messageOf(error) });
    }
  }
}

/** A message and the record that the notification log gets for it. */
export type ReadyMessage = Pick<OutboxMessage, "receiver" | "integration" | "record" | "payload">;

const undelivered = (reason: Decision["reason"]): Decision => ({
  stage: "deliver",
  passed: false,
  reason,
});

/** Runs the alert stages for every alert until one of them stops it. */
async function runAlertStages(
  alerts: readonly StoredAlert[],
  context: AlertStageContext,
  slices: TimeSlices,
): Promise<{ passed: StoredAlert[]; decisions: Map<string, readonly Decision[]> }> {
  const stages = ALERT_STAGES.map((prepare) => prepare(context));
  const passed: StoredAlert[] = [];
  const decisions = new Map<string, readonly Decision[]>();
  for (const alert of alerts) {
    if (slices.areDue) await slices.pause();
    const made: Decision[] = [];
    const isStopped = stages.some((decide) => {
      const decision = decide(alert);
      made.push(decision);
      return !decision.passed;
    });
    decisions.set(alert.fingerprint, made);
    if (!isStopped) passed.push(alert);
  }
  return { passed, decisions };
}

const MAX_PLAIN_KEY_CHARACTERS = 1000;

function recordIdOf({
  group,
  integration,
  index,
}: Pick<Attempt, "integration" | "index"> & {
  readonly group: Pick<AlertGroup, "route" | "key">;
}): string {
  const { key } = group;
  const isLong = key.length > MAX_PLAIN_KEY_CHARACTERS;
  const groupText = isLong ? sha256Hex(key) : key;
  return `${group.route.receiver}/${integration.kind}/${index}:${groupText}`;
}

function splitByState(
  alerts: readonly StoredAlert[],
  nowMs: number,
): { firing: string[]; resolved: string[] } {
  const firing: string[] = [];
  const resolved: string[] = [];
  for (const alert of alerts) {
    (isResolvedAt(alert, nowMs) ? resolved : firing).push(alert.fingerprint);
  }
  return { firing, resolved };
}
