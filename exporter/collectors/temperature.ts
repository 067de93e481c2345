/**
 * Temperature of the processor and of every thermal zone.
 *
 * Source: /sys/class/thermal/thermal_zone<N>/{type,temp}; on machines without zones
 * /sys/class/hwmon/hwmon<N>/{name,temp1_input}. Both give millidegrees Celsius (Linux
 * Documentation/ABI/testing/sysfs-class-thermal, hwmon/sysfs-interface).
 */
import { readFact, type FileTree } from "../sources/file-tree.js";
import type { Sources } from "../sources/sources.js";
import { gauge } from "../shared/model/metric.js";
import { ALARM_LEVEL, alarmLevelSample } from "./alarm-level.js";
import type { CollectorSettings } from "./collector-settings.js";
import { NoDataError, type Collector } from "./collector.js";

export const CPU_CELSIUS = gauge({
  name: "pihealth_cpu_temperature_celsius",
  help: "Temperature of the processor in degrees Celsius.",
});
export const ZONE_CELSIUS = gauge({
  name: "pihealth_thermal_zone_celsius",
  help: "Temperature of a thermal zone in degrees Celsius.",
  labels: ["zone", "type"],
});

/** `cpu-thermal` and `cpu_thermal` on a Pi, `x86_pkg_temp` and `soc_thermal` elsewhere. */
const CPU_ZONE = /cpu|soc|pkg/i;
/** Drivers whose first sensor is the processor. */
const CPU_SENSOR = /^(cpu_thermal|coretemp|k10temp|zenpower)$/;
const ABSOLUTE_ZERO_CELSIUS = -273;

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
  /** Sensor of the processor, when no zone belongs to the processor. */
  readonly sensor: Place | undefined;
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
  return {
    name: "temperature",
    metrics: [CPU_CELSIUS, ZONE_CELSIUS, ALARM_LEVEL],
    async collect() {
      if (places === undefined || clock.monotonicMs() - listedAtMs >= REFRESH_MS) {
        places = await findPlaces(sysfs);
        listedAtMs = clock.monotonicMs();
      }
      const zones = await readAll(sysfs, places.zones);
      const [sensor] = await readAll(sysfs, places.sensor === undefined ? [] : [places.sensor]);
      const processor = zones.find(({ type }) => CPU_ZONE.test(type)) ?? sensor ?? zones[0];
      if (processor === undefined)
        throw new NoDataError("Cannot read temperature: no thermal zone or sensor answers");
      return [
        CPU_CELSIUS.sample(processor.celsius),
        ...zones.map(({ zone, type, celsius }) => ZONE_CELSIUS.sample(celsius, { zone, type })),
        alarmLevelSample("cpu", processor.celsius, cpu),
      ];
    },
  };
}

async function findPlaces(sysfs: FileTree): Promise<Places> {
  const zones: Place[] = [];
  for (const folder of (await sysfs.list("class/thermal", /^thermal_zone\d+$/)).sort()) {
    const type = (await readFact(sysfs, `class/thermal/${folder}/type`)) ?? "";
    const zone = folder.slice("thermal_zone".length);
    zones.push({ zone, type, file: `class/thermal/${folder}/temp` });
  }
  const answering = await readAll(sysfs, zones);
  const hasProcessor = answering.some(({ type }) => CPU_ZONE.test(type));
  return { zones, sensor: hasProcessor ? undefined : await findSensor(sysfs) };
}

async function findSensor(sysfs: FileTree): Promise<Place | undefined> {
  for (const folder of (await sysfs.list("class/hwmon", /^hwmon\d+$/)).sort()) {
    const type = (await readFact(sysfs, `class/hwmon/${folder}/name`)) ?? "";
    if (!CPU_SENSOR.test(type)) continue;
    const place = { zone: "", type, file: `class/hwmon/${folder}/temp1_input` };
    if ((await readAll(sysfs, [place])).length > 0) return place;
  }
  return undefined;
}

/** Skips sensors that are switched off (EAGAIN, EINVAL) or report impossible values. */
async function readAll(sysfs: FileTree, places: readonly Place[]): Promise<Temperature[]> {
  const found: Temperature[] = [];
  for (const place of places) {
    const celsius = Number((await readFact(sysfs, place.file)) ?? Number.NaN) / 1000;
    if (celsius > ABSOLUTE_ZERO_CELSIUS) found.push({ ...place, celsius });
  }
  return found;
}
