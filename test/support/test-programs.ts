import { spawnSync } from "node:child_process";

/** Programs that tests use, and their Debian packages. */
const TEST_PROGRAMS = [
  { program: "promtool", debianPackage: "prometheus" },
  { program: "prometheus", debianPackage: "prometheus" },
  { program: "prometheus-node-exporter", debianPackage: "prometheus-node-exporter" },
  { program: "amtool", debianPackage: "prometheus-alertmanager" },
  { program: "prometheus-alertmanager", debianPackage: "prometheus-alertmanager" },
  { program: "openssl", debianPackage: "openssl" },
  { program: "victoria-metrics", debianPackage: "victoria-metrics" },
  { program: "systemd-analyze", debianPackage: "systemd" },
  { program: "chromium", debianPackage: "chromium" },
] as const;

const exists = (program: string): boolean => spawnSync("which", [program]).status === 0;
const canInstall = (): boolean => process.getuid?.() === 0 && exists("apt-get");

/**
 * Installs missing programs if permitted.
 *
 * @returns false, after printing instructions, when a program is missing
 */
export function installTestPrograms(): boolean {
  const missing = (): string[] => {
    const absent = TEST_PROGRAMS.filter(({ program }) => !exists(program));
    return [...new Set(absent.map(({ debianPackage }) => debianPackage))];
  };
  if (missing().length > 0 && canInstall()) aptInstall(missing());
  if (missing().length === 0) return true;
  process.stderr.write(
    `Cannot run tests: install ${missing().join(" ")} first (apt-get install, as root)\n`,
  );
  return false;
}

/** Services of these packages must not start by themselves: tests run their own on free ports. */
function aptInstall(packages: readonly string[]): void {
  const env = {
    ...process.env,
    DEBIAN_FRONTEND: "noninteractive",
    RUNLEVEL: "1",
    SYSTEMD_OFFLINE: "1",
  };
  const options = { env, stdio: ["ignore", "inherit", "inherit"] as const };
  spawnSync("apt-get", ["-q", "update"], { ...options, stdio: [...options.stdio] });
  spawnSync("apt-get", ["-q", "install", "-y", "--no-install-recommends", ...packages], {
    ...options,
    stdio: [...options.stdio],
  });
}
