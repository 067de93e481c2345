/**
 * Temperature of the processor and of every thermal zone.
 *
 * Source: /sys/class/thermal/thermal_zone<N>/{type,temp}; on machines without zones
 * /sys/class/hwmon/hwmon<N>/{name,temp1_input}. Both give millidegrees Celsius (Linux
 * Documentation/ABI/testing/sysfs-class-thermal, hwmon/sysfs-interface).
 */
import { BrokenSourceError } from "../sources/broken-source-error.js";
import { readFact, type FileTree } from "../sources/file-tree.js";
import type { Sources } from "../sources/sources.js";
import { gauge } from "../shared/model/metric.js";
import { ALARM_LEVEL, alarmLevelSample } from "./alarm-level.js";
import type { CollectorSettings } from "./collector-settings.js";
import { NoDataError, type Collector } from "./collector.js";

export const CPU_CELSIUS = gauge({
  name: "pihealth_cpu_temperature_celsius",
  help: "Temperature of the hottest processor in degrees Celsius.",
});
export const ZONE_CELSIUS = gauge({
  name: "pihealth_thermal_zone_celsius",
  help: "Temperature of a thermal zone in degrees Celsius.",
  labels: ["zone", "type"],
});

/** `cpu-thermal` on a Pi; `x86_pkg_temp`, `soc_thermal`, `bigcore0-thermal` elsewhere. */
const CPU_ZONE = /cpu|soc|pkg|core/i;
/** Drivers whose first sensor is the processor, or whose sensors are its cores. */
const CPU_SENSOR = /^(cpu\w*_thermal|soc\w*_thermal|coretemp|k8temp|k10temp|zenpower|via_cputemp)$/;
/** No processor works outside; drivers report such values when a sensor fails. */
const POSSIBLE_CELSIUS = { min: -100, max: 150 };

/** Interval at which zones and sensors are listed again. */
const REFRESH_MS = 60_000;

/** File from which a temperature is read. */
interface Place {
  readonly zone: string;
  readonly type: string;
  readonly file: string;
}

interface Places {
  readonly zones: readonly Place[];
  /** Sensors of processors, when no zone belongs to a processor. */
  readonly sensors: readonly Place[];
}

interface Temperature extends Place {
  readonly celsius: number;
}

export function createTemperatureCollector(
  { sysfs, clock }: Sources,
  { cpu }: CollectorSettings,
): Collector {
  let places: Places | undefined;
  let listedAtMs = 0;
  /** Files of processor temperatures that have answered. */
  let answered = new Set<string>();
  return {
    name: "temperature",
    metrics: [CPU_CELSIUS, ZONE_CELSIUS, ALARM_LEVEL],
    async collect() {
      if (places === undefined || clock.monotonicMs() - listedAtMs >= REFRESH_MS) {
        places = await findPlaces(sysfs, answered);
        listedAtMs = clock.monotonicMs();
      }
      const zones = await readAll(sysfs, places.zones);
      const processors = [...processorsOf(zones), ...(await readAll(sysfs, places.sensors))];
      const deciding = processors.length > 0 ? processors : otherZone(places, zones);
      const files = new Set(deciding.map(({ file }) => file));
      requireAnswers(answered, files, [...places.zones, ...places.sensors]);
      answered = files;
      if (deciding.length === 0)
        throw new NoDataError("Cannot read temperature: no thermal zone or sensor answers");
      const hottest = Math.max(...deciding.map(({ celsius }) => celsius));
      return [
        CPU_CELSIUS.sample(hottest),
        ...zones.map(({ zone, type, celsius }) => ZONE_CELSIUS.sample(celsius, { zone, type })),
        alarmLevelSample("cpu", hottest, cpu),
      ];
    },
  };
}

function processorsOf<Zone extends Place>(zones: readonly Zone[]): Zone[] {
  return zones.filter(({ type }) => CPU_ZONE.test(type));
}

/**
 * The first zone that answers, on a machine that names no zone after its processor.
 *
 * @throws {BrokenSourceError} when a processor has a zone
 */
function otherZone(places: Places, answering: readonly Temperature[]): readonly Temperature[] {
  const [processor] = processorsOf(places.zones);
  if (processor !== undefined) throw noTemperature(processor);
  return answering.slice(0, 1);
}

/**
 * A temperature that decided about the level and gives no value now leaves the level unknown: the
 * run fails, and an alarm stays as it is.
 *
 * @throws {BrokenSourceError}
 */
function requireAnswers(
  answered: ReadonlySet<string>,
  files: ReadonlySet<string>,
  existing: readonly Place[],
): void {
  const silent = existing.find(({ file }) => answered.has(file) && !files.has(file));
  if (silent !== undefined) throw noTemperature(silent);
}

function noTemperature({ file }: Place): BrokenSourceError {
  const { min, max } = POSSIBLE_CELSIUS;
  return new BrokenSourceError(
    `/sys/${file}`,
    `it gives no possible temperature, it must be from ${min} to ${max} degrees Celsius`,
  );
}

/** @param answered files of processor temperatures so far */
async function findPlaces(sysfs: FileTree, answered: ReadonlySet<string>): Promise<Places> {
  const zones: Place[] = [];
  for (const folder of await listNumbered(sysfs, "class/thermal", "thermal_zone")) {
    const type = (await readFact(sysfs, `class/thermal/${folder}/type`)) ?? "";
    const zone = folder.slice("thermal_zone".length);
    zones.push({ zone, type, file: `class/thermal/${folder}/temp` });
  }
  // A zone of a processor that fails for a moment is not replaced by a sensor.
  const processors = processorsOf(zones);
  const hasProcessor =
    processors.some(({ file }) => answered.has(file)) ||
    (await readAll(sysfs, processors)).length > 0;
  return { zones, sensors: hasProcessor ? [] : await findSensors(sysfs, answered) };
}

async function findSensors(sysfs: FileTree, answered: ReadonlySet<string>): Promise<Place[]> {
  const sensors: Place[] = [];
  for (const folder of await listNumbered(sysfs, "class/hwmon", "hwmon")) {
    const type = (await readFact(sysfs, `class/hwmon/${folder}/name`)) ?? "";
    if (!CPU_SENSOR.test(type)) continue;
    for (const place of await inputsOf(sysfs, folder, type)) {
      const isSensor = answered.has(place.file) || (await readAll(sysfs, [place])).length > 0;
      if (isSensor) sensors.push(place);
    }
  }
  return sensors;
}

/** The first input; without it, all: old processors have sensors for their cores only. */
async function inputsOf(sysfs: FileTree, folder: string, type: string): Promise<Place[]> {
  const found = await sysfs.list(`class/hwmon/${folder}`, /^temp\d+_input$/);
  const inputs = found.includes("temp1_input") ? ["temp1_input"] : found.sort();
  return inputs.map((input) => ({ zone: "", type, file: `class/hwmon/${folder}/${input}` }));
}

/** Folders of a name and a number, in the order of their numbers. */
async function listNumbered(sysfs: FileTree, folder: string, name: string): Promise<string[]> {
  const found = await sysfs.list(folder, new RegExp(`^${name}\\d+$`));
  const numberOf = (entry: string): number => Number(entry.slice(name.length));
  return found.sort((left, right) => numberOf(left) - numberOf(right));
}

/** Skips sensors that are switched off (EAGAIN, EINVAL) or report impossible values. */
async function readAll(sysfs: FileTree, places: readonly Place[]): Promise<Temperature[]> {
  const found: Temperature[] = [];
  for (const place of places) {
    const celsius = Number((await readFact(sysfs, place.file)) ?? Number.NaN) / 1000;
    if (celsius >= POSSIBLE_CELSIUS.min && celsius <= POSSIBLE_CELSIUS.max)
      found.push({ ...place, celsius });
  }
  return found;
}
