import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { ChildProgram, freePort, waitFor } from "./child-program.js";

/** A real Prometheus on loopback, for comparing answers with. */
export class RealPrometheus {
  private constructor(
    readonly url: string,
    readonly program: ChildProgram,
    private readonly folder: string,
  ) {}

  /**
   * @param openMetrics what it shall hold, with timestamps and the final `# EOF`; nothing when undefined
   * @param config the text of its prometheus.yml
   */
  static async start({ openMetrics, config = "{}" }: { openMetrics?: string; config?: string } = {}): Promise<RealPrometheus> {
    const folder = await mkdtemp(path.join(tmpdir(), "pihealth-prometheus-"));
    const data = path.join(folder, "data");
    await writeFile(path.join(folder, "prometheus.yml"), config);
    if (openMetrics !== undefined) await createBlocks(openMetrics, folder, data);
    const port = await freePort();
    const program = new ChildProgram("prometheus", [
      `--config.file=${path.join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${data}`,
      "--storage.tsdb.retention.time=100y",
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=warn",
    ]);
    const url = `http://127.0.0.1:${port}`;
    const describe = (): string => program.text;
    await waitFor("Prometheus to be ready", async () => (await fetch(`${url}/-/ready`)).ok || undefined, { describe });
    return new RealPrometheus(url, program, folder);
  }

  async stop(): Promise<void> {
    await this.program.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function createBlocks(openMetrics: string, folder: string, data: string): Promise<void> {
  const file = path.join(folder, "samples.om");
  await writeFile(file, openMetrics);
  const promtool = new ChildProgram("promtool", ["tsdb", "create-blocks-from", "openmetrics", "--quiet", file, data]);
  const { code } = await promtool.exited;
  if (code !== 0) throw new Error(`promtool cannot create blocks: ${promtool.text}`);
  await rm(file);
}
