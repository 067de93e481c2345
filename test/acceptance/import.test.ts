import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { JsonFields } from "../../exporter/shared/codec/json-fields.js";
import { parseQueryResponse, seriesIn } from "../support/api-response.js";
import { ChildProgram, waitFor } from "../support/child-program.js";
import { pihealth } from "../support/command-line.js";
import { freePort } from "../support/loopback-servers.js";

/** `pihealth import` and `POST /api/v1/admin/import` against a real scraper. */
const folder = mkdtempSync(path.join(tmpdir(), "pihealth-import-"));
const inFolder = (name: string): string => path.join(folder, name);
const TOKEN = "5e".repeat(32);
const INSTANCE = "10.0.0.9:8732";
const PLACE = ["--instance", INSTANCE, "--job", "pi"];
/** One sample per second, up to now, is in each file. */
const SAMPLES = 300;
const START_SECONDS = Math.floor(Date.now() / 1000) - SAMPLES;

interface Posting {
  readonly token?: string | undefined;
  /** Parameters that name the target of the samples. */
  readonly place?: string | undefined;
}

interface Answer {
  readonly status: number;
  readonly error?: string | undefined;
  readonly data?: unknown;
}

/** A scraper without targets. */
class Scraper {
  private program: ChildProgram | undefined;

  private constructor(
    readonly port: number,
    private readonly configFile: string,
  ) {}

  static async start(name: string, { isAdmin }: { readonly isAdmin: boolean }): Promise<Scraper> {
    const port = await freePort();
    writeFileSync(
      inFolder(`${name}.yml`),
      `
scrape_configs: []
storage: { path: ${name}, commit_interval: 100ms }
fleet: { token_file: token }
web: { listen_address: 127.0.0.1, port: ${port}, enable_admin_api: ${isAdmin} }
`,
    );
    const scraper = new Scraper(port, inFolder(`${name}.yml`));
    await scraper.start();
    return scraper;
  }

  async start(): Promise<void> {
    const program = ChildProgram.ofOurs("scraper/program/main.js", [`--config=${this.configFile}`]);
    this.program = program;
    await waitFor(
      "a scraper that is ready",
      async () => {
        return (await fetch(`http://127.0.0.1:${this.port}/-/ready`)).ok ? true : undefined;
      },
      { describe: () => program.text },
    );
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    await this.program?.stop(signal);
  }

  /** All stored samples of a metric. */
  async samplesOf(metric: string): Promise<readonly (readonly [number, string])[]> {
    const query = new URLSearchParams({ query: `${metric}{instance="${INSTANCE}"}[1h]` });
    const response = await fetch(`http://127.0.0.1:${this.port}/api/v1/query?${query.toString()}`);
    const answer = parseQueryResponse(await response.text());
    return seriesIn(answer).flatMap(({ points }) => points);
  }

  async post(
    body: string,
    { token, place = `instance=${INSTANCE}&job=pi` }: Posting,
  ): Promise<Answer> {
    const headers = {
      "Content-Type": "text/plain",
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    };
    const response = await fetch(`http://127.0.0.1:${this.port}/api/v1/admin/import?${place}`, {
      method: "POST",
      headers,
      body,
    });
    const answer = JsonFields.parse(await response.text(), "response");
    return {
      status: response.status,
      error: answer.optional("error", (key) => answer.text(key)),
      data: answer.optional("data", (key) => answer.value(key)),
    };
  }
}

/** One sample per second in OpenMetrics. */
function openMetrics(metric: string): string {
  const lines = Array.from(
    { length: SAMPLES },
    (_, index) => `${metric} ${index / 8} ${START_SECONDS + index}\n`,
  );
  return `# TYPE ${metric} gauge\n${lines.join("")}# EOF\n`;
}

let scraper: Scraper;
let closed: Scraper;

before(async () => {
  const files = {
    token: `${TOKEN}\n`,
    "wrong-token": `${"6f".repeat(32)}\n`,
    "good.om": openMetrics("imported_load1"),
    "offline.om": openMetrics("offline_load1"),
    "bad.om": openMetrics("bad_load1").replace(/^bad_load1 1 \d+$/m, "bad_load1 one 5"),
    "untimed.prom": `# HELP a b\n\na 1 ${START_SECONDS}000\na 2\n`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(inFolder(name), text);
  [scraper, closed] = await Promise.all([
    Scraper.start("open", { isAdmin: true }),
    Scraper.start("closed", { isAdmin: false }),
  ]);
});

after(async () => {
  await Promise.all([scraper, closed].map((one) => one?.stop("SIGKILL")));
  rmSync(folder, { recursive: true, force: true });
});

const withMaster = (token = "token", master = scraper): string[] => {
  return ["--url", `127.0.0.1:${master.port}`, "--token-file", inFolder(token)];
};

test("A file is imported, and a second import changes nothing", async () => {
  const says = `${SAMPLES} samples imported for instance "${INSTANCE}", job "pi", in hosts/10.0.0.9\n`;
  const first = await pihealth("import", inFolder("good.om"), ...PLACE, ...withMaster());
  assert.deepEqual([first.code, first.stdout], [0, says], first.stderr);
  const stored = await scraper.samplesOf("imported_load1");
  const expected = Array.from({ length: SAMPLES }, (_, index) => [
    START_SECONDS + index,
    String(index / 8),
  ]);
  assert.deepEqual(stored, expected);
  const second = await pihealth("import", inFolder("good.om"), ...PLACE, ...withMaster());
  assert.equal(second.code, 0, second.stderr);
  assert.deepEqual(await scraper.samplesOf("imported_load1"), stored);
});

for (const { name, args, says } of [
  {
    name: "a wrong token",
    args: () => ["good.om", ...withMaster("wrong-token")],
    says: /^Cannot post to "\/api\/v1\/admin\/import": the fleet token is missing or wrong/,
  },
  {
    name: "no token file",
    args: () => ["good.om", ...withMaster("nowhere")],
    says: /^Cannot read fleet token ".*nowhere"/,
  },
  {
    name: "the admin API is off",
    args: () => ["good.om", ...withMaster("token", closed)],
    says: /^Cannot post to "\/api\/v1\/admin\/import": admin APIs disabled/,
  },
  {
    name: "a line that does not parse",
    args: () => ["bad.om", ...withMaster()],
    says: /^Cannot import ".*bad\.om:10": found "one/,
  },
  {
    name: "a sample without a time",
    args: () => ["untimed.prom", ...withMaster()],
    says: /^Cannot import ".*untimed\.prom:4": the sample has no timestamp/,
  },
  {
    name: "offline while the scraper runs",
    args: () => ["good.om", "--offline", "--config", inFolder("open.yml")],
    says: /^Cannot open data folder ".*open": process \d+ uses it/,
  },
]) {
  test(`A refused import is reported in one line: ${name}`, async () => {
    const [file = "", ...rest] = args();
    const { code, stdout, stderr } = await pihealth("import", inFolder(file), ...PLACE, ...rest);
    assert.equal(code, 1);
    assert.match(stderr, says);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
    assert.equal(stdout, "");
  });
}

const LINE = `posted_load1 1 ${START_SECONDS}000\n`;

interface RefusedPosting extends Posting {
  readonly name: string;
  readonly body: string;
  readonly status: number;
  readonly error: RegExp;
}

const REFUSED_POSTINGS: readonly RefusedPosting[] = [
  { name: "no token", body: LINE, status: 401, error: /fleet token is missing or wrong/ },
  {
    name: "a wrong token",
    body: LINE,
    token: "6f".repeat(32),
    status: 401,
    error: /fleet token is missing or wrong/,
  },
  {
    name: "samples of no target",
    body: LINE,
    token: TOKEN,
    place: "",
    status: 400,
    error: /^Cannot import samples of no target/,
  },
  {
    name: "a host that is none",
    body: LINE,
    token: TOKEN,
    place: "instance=../x&job=j",
    status: 400,
    error: /^Cannot make a folder for host/,
  },
  {
    name: "a body that is too large",
    body: "#".repeat(2_100_000),
    token: TOKEN,
    status: 413,
    error: /./,
  },
];

for (const { name, body, token, place, status, error } of REFUSED_POSTINGS) {
  test(`A posted import is refused: ${name}`, async () => {
    const answer = await scraper.post(body, { token, place });
    assert.equal(answer.status, status);
    assert.match(answer.error ?? "", error);
  });
}

test("A posted import is refused while the admin API is off, even with the token", async () => {
  const { status, error } = await closed.post(LINE, { token: TOKEN });
  assert.deepEqual([status, error], [503, "admin APIs disabled"]);
});

test("Posted samples are stored, and other lines are counted", async () => {
  const { status, data } = await scraper.post(`${LINE}nonsense{\n`, { token: TOKEN });
  assert.equal(status, 200);
  assert.deepEqual(data, {
    samples: 1,
    tooOld: 0,
    damagedLines: 1,
    instance: INSTANCE,
    job: "pi",
    host: "10.0.0.9",
  });
  assert.deepEqual(await scraper.samplesOf("posted_load1"), [[START_SECONDS, "1"]]);
});

test("Samples imported while the scraper was stopped are there after its start, beside the others", async () => {
  await scraper.stop("SIGTERM");
  const { code, stderr } = await pihealth(
    "import",
    inFolder("offline.om"),
    ...PLACE,
    "--offline",
    "--config",
    inFolder("open.yml"),
  );
  assert.equal(code, 0, stderr);
  await scraper.start();
  assert.equal((await scraper.samplesOf("offline_load1")).length, SAMPLES);
  assert.equal((await scraper.samplesOf("imported_load1")).length, SAMPLES);
});
