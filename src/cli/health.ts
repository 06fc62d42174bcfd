import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Config } from "../config.ts";

/**
 * Whether the gateway with this configuration answers `/livez` on this machine: for the image's HEALTHCHECK. The
 * certificate is not checked: it names the service, and this asks for the process next door.
 */
export function health({ listen, tls }: Pick<Config, "listen" | "tls">): Promise<boolean> {
  const anywhere = new Map([
    ["0.0.0.0", "127.0.0.1"],
    ["::", "::1"],
  ]);
  const options = { host: anywhere.get(listen.host) ?? listen.host, port: listen.port, path: "/livez", timeout: 2000 };
  return new Promise((resolve) => {
    const answered = (response: IncomingMessage) => {
      response.resume();
      resolve(response.statusCode === 200);
    };
    const request =
      tls === undefined
        ? httpRequest(options, answered)
        : httpsRequest({ ...options, rejectUnauthorized: false }, answered);
    request.once("timeout", () => request.destroy());
    request.once("error", () => resolve(false));
    request.end();
  });
}
