/** The six metric families, in the order in which people read them. */
export const FAMILIES = ["memory", "cpu", "disk", "system", "users", "processes"] as const;
export type Family = (typeof FAMILIES)[number];

/** Values of `pihealth_alarm_level{family}`. */
export const ALARM_LEVELS = { normal: 0, note: 1, warning: 2 } as const;
