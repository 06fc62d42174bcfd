import { z } from "zod";
import { type Fault, type Faults, faultKinds } from "./faults.ts";
import type { UpdateJournal } from "./journal.ts";
import type { SandboxUser, World } from "./world.ts";

/** What the control paths act upon. */
export interface Controlled {
  readonly world: World;
  readonly faults: Faults;
  readonly journal: UpdateJournal;
  /** Puts everything back to how it was at the start. */
  reset(): void;
}

export interface ControlAnswer {
  readonly status: number;
  readonly body: unknown;
}

const faultSchema = z.strictObject({
  kind: z.enum(faultKinds),
  action: z.string().min(1).optional(),
  times: z.union([z.int().min(1), z.literal("always")]).optional(),
  ms: z.number().min(0).optional(),
  httpStatus: z.int().min(400).max(599).optional(),
  code: z.string().min(1).optional(),
});

/**
 * The paths under `/_sandbox/`, for tests that have the stand-in in another process. JSON both ways. A body must be
 * declared as JSON, which no web page can send here unasked.
 */
export function control(
  { world, faults, journal, reset }: Controlled,
  request: {
    readonly method: string;
    readonly path: string;
    readonly contentType: string | undefined;
    readonly body: string;
  },
): ControlAnswer {
  if (request.method === "POST" && request.contentType !== "application/json") {
    return { status: 415, body: { error: "Send application/json." } };
  }
  switch (`${request.method} ${request.path}`) {
    case "GET /_sandbox/users":
      return { status: 200, body: { users: world.users().map(userBody) } };
    case "GET /_sandbox/journal":
      return { status: 200, body: { entries: journal.entries() } };
    case "GET /_sandbox/faults":
      return { status: 200, body: { waiting: faults.waiting() } };
    case "POST /_sandbox/faults": {
      const fault = parseFault(request.body);
      if (typeof fault === "string") return { status: 400, body: { error: fault } };
      faults.next(fault);
      return { status: 200, body: { waiting: faults.waiting() } };
    }
    case "POST /_sandbox/reset":
      reset();
      return { status: 200, body: {} };
    default:
      return { status: 404, body: { error: "No such control." } };
  }
}

/** The fault, or what is wrong with it. */
function parseFault(body: string): Fault | string {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return "The body is no JSON.";
  }
  const { data, error } = faultSchema.safeParse(json);
  return data ?? z.prettifyError(error);
}

function userBody({ name, arn, credentials }: SandboxUser): unknown {
  return { name, arn, credentials: Object.values(credentials).flatMap((ofType) => [...ofType.values()]) };
}
