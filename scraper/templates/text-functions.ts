/** Functions of texts that Prometheus and Alertmanager have in common. */
import ipaddr from "ipaddr.js";
import { matchesAnywhere, replaceAll } from "./regular-expressions.js";
import { SafeHtml, templateFunction, type FunctionTable } from "./template-values.js";

export const TEXT_FUNCTIONS: FunctionTable = {
  toUpper: templateFunction(["string"], (text) => text.toUpperCase()),
  toLower: templateFunction(["string"], (text) => text.toLowerCase()),
  match: templateFunction(["string", "string"], matchesAnywhere),
  reReplaceAll: templateFunction(["string", "string", "string"], replaceAll),
  safeHtml: templateFunction(["string"], (text) => new SafeHtml(text)),
};

/** Go's strings.Title: the first letter of each word in upper case, the others unchanged. */
export function titleWords(text: string): string {
  return text.replace(/(?<![\p{L}\p{Nd}_]|[^\x20-\x7e\s])\p{L}/gu, (letter) =>
    letter.toUpperCase(),
  );
}

/** Removes the port of `host:port`; any other text is unchanged. */
export function stripPort(text: string): string {
  return splitHostPort(text)?.host ?? text;
}

/** The first label of a host name, with its port. IP addresses are unchanged. */
export function stripDomain(text: string): string {
  const split = splitHostPort(text);
  const host = split?.host ?? text;
  if (ipaddr.IPv4.isValidFourPartDecimal(host) || ipaddr.IPv6.isValid(host)) return text;
  const [first = ""] = host.split(".");
  return split === undefined ? first : `${first}:${split.port}`;
}

function splitHostPort(text: string): { host: string; port: string } | undefined {
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([^:[\]]*)$/.exec(text);
  return match === null ? undefined : { host: match[1] ?? match[2] ?? "", port: match[3] ?? "" };
}
