import type { Labels } from "../../../exporter/shared/model/labels.js";
import type { HttpClientConfig } from "../../http-client/http-client-config.js";
import type { TlsConfig } from "../../http-client/tls-config.js";
import type { Matcher } from "./matchers.js";
import type { Route } from "./route.js";
import type { TimeInterval } from "./time-interval.js";

/** The contents of an alertmanager.yml, checked and with every default filled in. */
export interface NotificationConfig {
  readonly route: Route;
  /** By name, in the order of the file. */
  readonly receivers: ReadonlyMap<string, Receiver>;
  readonly inhibitRules: readonly InhibitRule[];
  readonly timeIntervals: ReadonlyMap<string, readonly TimeInterval[]>;
  /** Absolute paths, which may be patterns with `*`, `?` and `[a-z]`. */
  readonly templateFiles: readonly string[];
  /** How long an alert without an end counts as firing. */
  readonly resolveTimeoutMs: number;
  /** The configuration in Alertmanager's own form, secrets replaced by `<secret>`. */
  readonly masked: string;
  /** Keys without effect here, and receivers that are not supported and not used. */
  readonly warnings: readonly string[];
  /** True when no configuration was given: nobody is notified. */
  readonly isDefault: boolean;
}

/**
 * Alerts that match `source` inhibit alerts that match `target` and have the same values of the
 * labels in `equal`.
 */
export interface InhibitRule {
  readonly source: readonly Matcher[];
  readonly target: readonly Matcher[];
  readonly equal: readonly string[];
}

export interface Receiver {
  readonly name: string;
  /** For filters of the API: the labels of the file, and `name`. */
  readonly labels: Labels;
  readonly integrations: readonly Integration[];
}

/**
 * One way to notify a receiver. Its position in the receiver's list is part of its identity in the
 * notification log.
 */
export type Integration = EmailIntegration | WebhookIntegration;

export interface EmailIntegration {
  readonly kind: "email";
  readonly sendResolved: boolean;
  /** A template of addresses separated by commas. */
  readonly to: string;
  readonly from: string;
  /** Further header fields; values are templates. `Subject`, when given, replaces the default. */
  readonly headers: Readonly<Record<string, string>>;
  /** Templates; the mail has no such part when empty. */
  readonly html: string;
  readonly text: string;
  readonly server: SmtpServer;
}

/**
 * How to reach a mail server. Files with secrets are read for every message, so a changed secret
 * applies immediately.
 */
export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** The name sent in EHLO. */
  readonly hello: string;
  /** TLS from the first byte; without it, `requireTls` decides about STARTTLS. */
  readonly implicitTls: boolean;
  /** False: STARTTLS is not used. */
  readonly requireTls: boolean;
  readonly tls: TlsConfig;
  readonly auth: SmtpAuth | undefined;
}

export interface SmtpAuth {
  readonly username: string;
  readonly password: Secret | undefined;
  /** For CRAM-MD5. */
  readonly secret: Secret | undefined;
  readonly identity: string;
}

export type Secret =
  | { readonly kind: "text"; readonly text: string }
  /** The content of the file without white space at its ends. */
  | { readonly kind: "file"; readonly path: string };

export interface WebhookIntegration {
  readonly kind: "webhook";
  readonly sendResolved: boolean;
  readonly url: Secret;
  /** The most alerts in one message; 0: all. */
  readonly maxAlerts: number;
  /** From the name lookup to the answer. */
  readonly timeoutMs: number;
  readonly http: HttpClientConfig;
  /** Base of relative paths in `http`. */
  readonly folder: string;
}
