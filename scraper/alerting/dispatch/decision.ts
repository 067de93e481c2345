/** The stages between an alert and its receivers, in the order in which a notification passes them. */
export const STAGES = ["wait", "inhibit", "silence", "mute", "deduplicate", "deliver"] as const;
export type StageName = (typeof STAGES)[number];

/** Every reason of a decision, as a sentence for people. */
export const REASON_TEXTS = {
  group_wait: "The first notification of a group waits for group_wait",
  group_interval: "A notified group waits for group_interval",
  fired_for_group_wait: "The alert has already been firing for longer than group_wait",
  pushed_alarm: "A pushed alarm does not wait for group_wait or group_interval",

  not_inhibited: "No firing alert inhibits the alert",
  inhibited: "A firing alert inhibits the alert",

  not_silenced: "No active silence matches the alert",
  silenced: "An active silence matches the alert",

  not_muted: "No time interval mutes the route",
  muted: "A mute time interval mutes the route now",
  not_active: "The route is outside its active time intervals",

  first_notification: "The integration has not been notified about this group yet",
  new_firing_alerts: "Alerts fire that the last notification did not have",
  all_resolved: "All alerts of the last notification are resolved",
  newly_resolved: "Alerts are resolved that the last notification did not have as resolved",
  outdated: "The message in the outbox lists alerts that no longer fire",
  repeat_interval: "repeat_interval has passed since the last notification",
  never_fired: "All alerts were resolved before the first notification",
  unchanged: "Nothing has changed since the last notification, and repeat_interval has not passed",

  no_integrations: "The receiver has no integrations",
  no_resolved_notices: "All alerts are resolved, and send_resolved is off",
  cannot_render: "The message cannot be rendered",
  handed_over: "The message was handed to the outbox; its outcome is no longer known",
  waiting: "The message waits in the outbox",
  delivered: "The server has taken the message",
  refused: "The server has refused the message for at least one recipient",
  superseded: "A newer message about the group has replaced the message",
  outbox_full: "The outbox is full; the group is notified again after group_interval",
  too_old: "The message could not be delivered for 5 days",
  damaged: "The stored message cannot be read",
} as const satisfies Record<string, string>;
export type Reason = keyof typeof REASON_TEXTS;

/** One stage's answer to the question whether a notification goes on. */
export interface Decision {
  readonly stage: StageName;
  readonly passed: boolean;
  readonly reason: Reason;
  /** The cause: fingerprints of inhibiting alerts, ids of silences, names of time intervals, the id of a message. */
  readonly by?: readonly string[];
  /** How much longer the stage waits. */
  readonly remainingMs?: number;
  /** The last answer of a server that did not take the message. */
  readonly problem?: string | undefined;
}
