import { fileURLToPath } from "node:url";
import { prepareService } from "../fixture/service.ts";

const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

/**
 * The built gateway in production mode.
 * @param roles role of each principal
 * @param limits requests per minute by kind; the defaults where it is silent
 * @param policy settings of where policies come from
 */
export async function startGateway<Id extends string>(
  iamUrl: string,
  roles: Readonly<Record<Id, string>>,
  limits: Readonly<Record<string, number>> = {},
  policy: object = {},
) {
  const perMinute = Object.fromEntries(Object.entries(limits).map(([name, count]) => [name, { perMinute: count }]));
  const service = await prepareService({ main, iamUrl, roles, settings: { limits: perMinute, policy } });
  const { child, url, readyMs } = await service.start();
  return { child, url, keys: service.keys, readyMs, remove: service.remove };
}
