import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { ChildProgram, waitFor } from "./child-program.js";
import { freePort } from "./loopback-servers.js";

interface PrometheusOptions {
  readonly openMetrics?: string;
  readonly openMetricsFile?: string;
  readonly config?: string;
  /** Data folder, which is kept when it stops. Default: a temporary folder, which is removed. */
  readonly dataFolder?: string;
  readonly flags?: readonly string[];
}

/** A real Prometheus on loopback, for comparisons. */
export class RealPrometheus {
  private constructor(
    readonly url: string,
    readonly program: ChildProgram,
    private readonly folder: string,
  ) {}

  /**
   * @param openMetrics samples to load, with timestamps and the final `# EOF`
   * @param openMetricsFile the same as a file, which is removed
   * @param config the text of prometheus.yml
   */
  static async start(options: PrometheusOptions = {}): Promise<RealPrometheus> {
    const { openMetrics, openMetricsFile, config = "{}", flags = [] } = options;
    const folder = await mkdtemp(path.join(tmpdir(), "pihealth-prometheus-"));
    const data = options.dataFolder ?? path.join(folder, "data");
    await writeFile(path.join(folder, "prometheus.yml"), config);
    const file = openMetricsFile ?? path.join(folder, "samples.om");
    if (openMetrics !== undefined) await writeFile(file, openMetrics);
    if ((openMetrics ?? openMetricsFile) !== undefined) await createBlocks(file, data);
    const port = await freePort();
    const program = new ChildProgram("prometheus", [
      `--config.file=${path.join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${data}`,
      "--storage.tsdb.retention.time=100y",
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=warn",
      ...flags,
    ]);
    const url = `http://127.0.0.1:${port}`;
    const describe = (): string => program.text;
    await waitFor(
      "Prometheus to be ready",
      async () => (await fetch(`${url}/-/ready`)).ok || undefined,
      { describe },
    );
    return new RealPrometheus(url, program, folder);
  }

  async stop(): Promise<void> {
    await this.program.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function createBlocks(file: string, data: string): Promise<void> {
  const promtool = new ChildProgram("promtool", [
    "tsdb",
    "create-blocks-from",
    "openmetrics",
    "--quiet",
    file,
    data,
  ]);
  const { code } = await promtool.exited;
  if (code !== 0) throw new Error(`promtool cannot create blocks: ${promtool.text}`);
  await rm(file);
}
