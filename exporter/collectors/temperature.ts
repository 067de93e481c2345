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

interface Zone {
  readonly zone: string;
  readonly type: string;
  readonly celsius: number;
}

export function createTemperatureCollector(
  { sysfs }: Sources,
  { cpu }: CollectorSettings,
): Collector {
  return {
    name: "temperature",
    metrics: [CPU_CELSIUS, ZONE_CELSIUS, ALARM_LEVEL],
    async collect() {
      const zones = await readZones(sysfs);
      const processor =
        zones.find(({ type }) => CPU_ZONE.test(type)) ?? (await readSensor(sysfs)) ?? zones[0];
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

async function readZones(sysfs: FileTree): Promise<Zone[]> {
  const folders = (await sysfs.list("class/thermal", /^thermal_zone\d+$/)).sort();
  const zones: Zone[] = [];
  for (const folder of folders) {
    const type = (await readFact(sysfs, `class/thermal/${folder}/type`)) ?? "";
    const celsius = await readMillidegrees(sysfs, `class/thermal/${folder}/temp`);
    if (celsius !== undefined)
      zones.push({ zone: folder.slice("thermal_zone".length), type, celsius });
  }
  return zones;
}

async function readSensor(sysfs: FileTree): Promise<{ celsius: number } | undefined> {
  for (const folder of (await sysfs.list("class/hwmon", /^hwmon\d+$/)).sort()) {
    if (!CPU_SENSOR.test((await readFact(sysfs, `class/hwmon/${folder}/name`)) ?? "")) continue;
    const celsius = await readMillidegrees(sysfs, `class/hwmon/${folder}/temp1_input`);
    if (celsius !== undefined) return { celsius };
  }
  return undefined;
}

/** Undefined for a zone that is switched off (EAGAIN, EINVAL) or reports nonsense. */
async function readMillidegrees(sysfs: FileTree, file: string): Promise<number | undefined> {
  const celsius = Number((await readFact(sysfs, file)) ?? Number.NaN) / 1000;
  return celsius > ABSOLUTE_ZERO_CELSIUS ? celsius : undefined;
}
