import { readFleetToken } from "../../../exporter/shared/codec/fleet-token.js";
import { messageOf } from "../../../exporter/shared/model/errors.js";
import { formatByteSize } from "../../../exporter/shared/model/byte-size.js";
import { realFiles } from "../../../exporter/shared/platform/real-files.js";
import { type CheckResult, checkConfig, counted } from "./check.js";
import { getData, type MasterAddress } from "./master-client.js";
import { printable } from "../../../exporter/shared/model/shown-text.js";
import { DEFAULT_CONFIG_FILE } from "./defaults.js";
import { loadScraperConfig, type ScraperConfig } from "../../config/config.js";

type Finding = {
  readonly ok: boolean;
  readonly text: string;
  /** False when the scraper does not answer. */
  readonly isAnswering?: boolean;
};

/** Free space on the disk of the data folder below which the doctor warns. */
const MIN_FREE_BYTES = 512 * 1024 * 1024;
const MAX_TARGETS_NAMED = 20;

/**
 * `pihealth doctor`: checks each part of the setup and says what is wrong with it.
 *
 * @param configFile undefined: the default one, which need not exist, because the scraper works
 * without
 */
export async function runDoctor(
  configFile: string | undefined,
  master: MasterAddress,
  defaultFile = DEFAULT_CONFIG_FILE,
): Promise<CheckResult> {
  const findings = await examineConfig(configFile, defaultFile);
  const scraper = await examineScraper(master);
  findings.push(...scraper);
  if (scraper[0]?.isAnswering !== false) findings.push(...(await examineFleet(master)));
  return {
    lines: findings.map(({ ok, text }) => `${ok ? "ok  " : "BAD "} ${text}`),
    succeeded: findings.every(({ ok }) => ok),
  };
}

async function examineConfig(given: string | undefined, defaultFile: string): Promise<Finding[]> {
  const file = given ?? defaultFile;
  if (given === undefined && (await isAbsent(file))) {
    const text = `No ${file}: a scraper without a configuration uses its defaults and sends no mail; --config names another file`;
    return [{ ok: true, text }];
  }
  const checked = await checkConfig(file);
  const findings = checked.lines.map((text): Finding => ({ ok: checked.succeeded, text }));
  if (checked.succeeded)
    findings.push(...(await examineSetUp(await loadScraperConfig(file, realFiles))));
  return findings;
}

/** False as well when this user may not know; reading the file then gives the reason. */
const isAbsent = async (file: string): Promise<boolean> =>
  (await realFiles.facts(file).catch(() => null)) === undefined;

async function examineSetUp({
  fleet,
  storage,
  notificationsFile,
}: ScraperConfig): Promise<Finding[]> {
  const findings: Finding[] = [];
  if (fleet.tokenFile === undefined) {
    findings.push({
      ok: false,
      text: "No fleet.token_file: heartbeats and pushed alarms are refused",
    });
  } else {
    findings.push(
      await tryTo(`Fleet token ${fleet.tokenFile} is readable`, () =>
        readFleetToken(fleet.tokenFile ?? "", realFiles),
      ),
    );
  }
  if (notificationsFile === undefined)
    findings.push({ ok: false, text: "No notifications.config: no mail is sent" });
  findings.push(await examineDisk(storage.path));
  return findings;
}

async function examineDisk(folder: string): Promise<Finding> {
  if ((await realFiles.facts(folder)) === undefined)
    return { ok: false, text: `Data folder ${folder} does not exist yet` };
  const { availableBytes } = await realFiles.fileSystemFacts(folder);
  const text = `Data folder ${folder} has ${formatByteSize(availableBytes)} left`;
  return { ok: availableBytes >= MIN_FREE_BYTES, text };
}

async function examineScraper(master: MasterAddress): Promise<Finding[]> {
  try {
    const data = await getData(master, "/api/v1/targets", { state: "active" });
    const activeTargets = data.objects("activeTargets");
    const bad = activeTargets.filter((target) => target.text("health") === "down");
    const summary = `Scraper at ${master.url} watches ${counted(activeTargets.length, "target")}, ${bad.length} down`;
    const named = bad.slice(0, MAX_TARGETS_NAMED).map((target) => {
      const text = `  ${target.text("scrapeUrl")}: ${target.text("lastError")}`;
      return { ok: false, text: printable(text) };
    });
    return [{ ok: activeTargets.length > 0 && bad.length === 0, text: summary }, ...named];
  } catch (error) {
    const text = `Scraper at ${master.url} does not answer: ${messageOf(error)}`;
    return [{ ok: false, text, isAnswering: false }];
  }
}

/** Copies of cards, and whether the shipped rules about the scraper have something to look at. */
async function examineFleet(master: MasterAddress): Promise<Finding[]> {
  try {
    const clones = (await getData(master, "/api/v1/clones")).objects("clones");
    const findings: Finding[] = clones.slice(0, MAX_TARGETS_NAMED).map((clone) => {
      const [endpoint, hostname] = [clone.text("endpoint"), clone.text("hostname")];
      const text = `${endpoint} (${hostname}) has the node id of ${clone.text("holder")}: on the copy, stop the exporter, delete the whole content of its state folder, start it again`;
      return { ok: false, text: printable(text) };
    });
    const query = { query: "pihealth_scraper_build_info" };
    const own = (await getData(master, "/api/v1/query", query)).objects("result");
    const text =
      own.length > 0
        ? "The scraper scrapes itself: the rules about it work"
        : "No job scrapes the scraper itself: the rules about a full disk of the master and copied cards see nothing (docs/operations.md, The master)";
    return [...findings, { ok: own.length > 0, text }];
  } catch (error) {
    return [{ ok: false, text: `Cannot examine the fleet: ${messageOf(error)}` }];
  }
}

async function tryTo(text: string, act: () => Promise<unknown>): Promise<Finding> {
  try {
    await act();
    return { ok: true, text };
  } catch (error) {
    return { ok: false, text: messageOf(error) };
  }
}
