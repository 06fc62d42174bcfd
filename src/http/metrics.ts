import type { RequestHandler } from "express";

/** What is shown to those who watch the gateway. */
export interface ShownMetrics {
  readonly contentType: string;
  text(): Promise<string>;
}

/** `GET /metrics`: in Prometheus' text format. */
export function metrics({ contentType, text }: ShownMetrics): RequestHandler {
  return async (request, response) => {
    request.state.operation = "metrics";
    const body = await text();
    response.setHeader("Content-Type", contentType);
    response.end(body);
  };
}
