/** Whether JSON that was parsed is an object: neither an array nor null, which `typeof` takes for one. */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
