import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { ChildProgram } from "../support/child-program.js";
import { freePort, listenOnFreePort } from "../support/loopback-servers.js";
import { FIXTURES } from "../support/repository.js";

/** A firing and a pending alert, with and without target labels. */
const RULES = `
groups:
  - name: dashboards
    interval: 1s
    rules:
      - { alert: Fires, expr: pihealth_uptime_seconds > 0, labels: { severity: warning } }
      - { alert: Waits, expr: pihealth_uptime_seconds > 0, for: 1h, labels: { severity: info } }
      - { alert: FiresForNobody, expr: vector(1) }
`;

/**
 * Series that a recorded tree lacks: the exporter's own, and those of a process that was looked at
 * twice.
 */
const ADDED_TO_RECORDED_PI = `pihealth_exporter_build_info{version="0.1.0",nodejs="v20.18.0"} 1
pihealth_malicious_process_cpu_ratio{pid="666",comm="miner",name="miner",user="pi"} 0.97
pihealth_malicious_process_memory_ratio{pid="666",comm="miner",name="miner",user="pi"} 0.02
`;

/**
 * Data sources for dashboards: our scraper and a real Prometheus. Both scrape a real exporter on
 * this machine, a recorded Pi 4 with hardware that this machine may lack, and the scraper itself.
 */
export class PanelSources {
  private readonly folder = mkdtempSync(path.join(tmpdir(), "pihealth-grafana-"));
  private readonly programs: ChildProgram[] = [];
  private recordedPi: Server | undefined;
  /** Instances: this machine's exporter, the recorded Pi, the scraper. */
  machine = "";
  pi4 = "";
  scraper = "";
  scraperUrl = "";
  prometheusUrl = "";

  async start(): Promise<void> {
    const [exporter, scraper, prometheus] = [
      `127.0.0.1:${await freePort()}`,
      `127.0.0.1:${await freePort()}`,
      `127.0.0.1:${await freePort()}`,
    ];
    this.machine = exporter;
    this.scraper = scraper;
    this.pi4 = await this.serveRecordedPi();
    this.scraperUrl = `http://${scraper}`;
    this.prometheusUrl = `http://${prometheus}`;
    const scrapeConfigs = `
global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: [${this.folder}/rules.yml]
scrape_configs:
  - { job_name: pi, static_configs: [{ targets: ["${exporter}", "${this.pi4}"] }] }
  - { job_name: pihealth, static_configs: [{ targets: ["${scraper}"] }] }
`;
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(path.join(this.folder, "rules.yml"), RULES);
    writeFileSync(path.join(this.folder, "prometheus.yml"), scrapeConfigs);
    writeFileSync(
      path.join(this.folder, "pihealthd.yml"),
      `${scrapeConfigs}storage: { path: ${this.folder}/data }\n`,
    );
    const file = (name: string): string => path.join(this.folder, name);
    this.programs.push(
      ChildProgram.ofOurs("exporter/program/main.js", [
        `--state=${file("exporter")}`,
        `--listen-address=${exporter}`,
      ]),
      ChildProgram.ofOurs("scraper/program/main.js", [
        `--config=${file("pihealthd.yml")}`,
        `--listen-address=${scraper}`,
      ]),
      new ChildProgram("prometheus", [
        `--config.file=${file("prometheus.yml")}`,
        `--storage.tsdb.path=${file("tsdb")}`,
        `--web.listen-address=${prometheus}`,
      ]),
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.programs.map((program) => program.stop("SIGKILL")));
    this.recordedPi?.close();
    this.recordedPi?.closeAllConnections();
    rmSync(this.folder, { recursive: true, force: true });
  }

  describe(): string {
    return this.programs.map(({ text }) => text.slice(-2000)).join("\n");
  }

  /** @returns `host:port` of its server */
  private async serveRecordedPi(): Promise<string> {
    const body =
      readFileSync(path.join(FIXTURES, "pi-4/expected.txt"), "utf8") + ADDED_TO_RECORDED_PI;
    const server = createServer((_request, response) => {
      response.setHeader("Content-Type", "text/plain; version=0.0.4");
      response.end(body);
    });
    this.recordedPi = server;
    return `127.0.0.1:${await listenOnFreePort(server)}`;
  }
}
