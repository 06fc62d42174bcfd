import { isJsonObject } from "../../json-object.ts";

/** As much of a record as it takes to follow changes through the log, and to compare what a database keeps beside it. */
export interface Outline {
  /** Epoch milliseconds. */
  readonly time: number;
  /** `metadata.uid` */
  readonly uid: string;
  /** `metadata.correlation_uid`: a change's id. */
  readonly correlation: string;
  /** `metadata.event_code` */
  readonly code: string;
  /** OCSF: 0 unknown, 1 success, 2 failure. */
  readonly statusId: number;
  /** Of a reconciliation: what was seen. */
  readonly statusCode: string | undefined;
}

/**
 * A record as `ocsf.ts` begins it, up to the end of its metadata's texts. Nothing that somebody put into a record can be
 * taken for it: the pattern starts at the record's own brace, and its members follow one another literally as far as the
 * status. Behind it come strings of anybody's (`[^{]*`), and the first brace after them has to be the metadata's: in JSON a
 * quote within a string has a backslash before it, but the one of `,"metadata":` has a comma, so it opens or closes a
 * string; were it to close one, a name could not follow it. What has a brace in those strings, an escape or a letter
 * beyond ASCII in the metadata (their UTF-8 has no byte below 0x80), or another order, is parsed as a whole.
 */
const CANONICAL = new RegExp(
  String.raw`^\{"class_uid":6003,"category_uid":6,"activity_id":\d+,"activity_name":"\w+","type_uid":\d+,"time":(\d{1,15}),` +
    String.raw`(?:"(?:count|start_time|end_time)":\d+,)*"severity_id":\d,"severity":"\w+","status_id":(\d{1,2}),"status":"\w+",` +
    String.raw`(?:"status_code":"([\w.:-]*)",)?"[^{]*,"metadata":\{"version":"1\.8\.0","product":\{"name":"Lockkeeper",` +
    String.raw`"vendor_name":"Lockkeeper","version":"[\w.+-]*"\},"profiles":\["cloud","security_control"\],` +
    String.raw`"uid":"([ !#-[\]-~]*)","correlation_uid":"([ !#-[\]-~]*)","event_code":"([\w.-]*)"`,
);

/** Bytes within which the metadata ends, unless a message is unusually long. */
const HEAD_BYTES = 1280;

/**
 * Reads a record's outline from where `ocsf.ts` puts it, ten times faster than by parsing the whole of it.
 * @returns undefined for anything but a record
 */
export function outlineOf(body: Buffer): Outline | undefined {
  const match = CANONICAL.exec(body.toString("latin1", 0, HEAD_BYTES));
  if (match === null) return parsedOutline(body);
  const [, time, statusId, statusCode, uid = "", correlation = "", code = ""] = match;
  return { time: Number(time), uid, correlation, code, statusId: Number(statusId), statusCode };
}

/** The outline of a record however it is written. */
export function parsedOutline(body: Buffer): Outline | undefined {
  const record = parsed(body);
  const metadata = object(record?.["metadata"]);
  const [time, statusId] = [record?.["time"], record?.["status_id"]];
  const [uid, correlation, code] = ["uid", "correlation_uid", "event_code"].map((name) => metadata?.[name]);
  if (!Number.isSafeInteger(time) || !Number.isSafeInteger(statusId)) return undefined;
  if (typeof uid !== "string" || typeof correlation !== "string" || typeof code !== "string") return undefined;
  const statusCode = record?.["status_code"];
  return {
    time: Number(time),
    uid,
    correlation,
    code,
    statusId: Number(statusId),
    statusCode: typeof statusCode === "string" ? statusCode : undefined,
  };
}

const DEADLINE = ',"deadline":';

/**
 * An intent's deadline, epoch milliseconds. `record.ts` writes it last of all, into `unmapped`: two braces that close
 * objects behind a number cannot be part of a string, nor can the member's name before it.
 */
export function deadlineOf(body: Buffer): number | undefined {
  const end = body.length - 2;
  let start = end;
  while (isDigit(body[start - 1])) start -= 1;
  const nameAt = start - DEADLINE.length;
  const isLast = start < end && nameAt > 0 && body.toString("latin1", nameAt, start) === DEADLINE;
  const closed = body[end] === BRACE && body[end + 1] === BRACE;
  const deadline = isLast && closed ? Number(body.toString("latin1", start, end)) : unmappedOf(body)["deadline"];
  return Number.isSafeInteger(deadline) ? Number(deadline) : undefined;
}

/** ASCII of a closing brace. */
const BRACE = 0x7d;

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** The members of a record that OCSF has no place for; none of what is not a record. */
export function unmappedOf(body: Buffer): Readonly<Record<string, unknown>> {
  return object(parsed(body)?.["unmapped"]) ?? {};
}

function parsed(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    return object(JSON.parse(body.toString("utf8")));
  } catch {
    return undefined;
  }
}

export function object(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return isJsonObject(value) ? value : undefined;
}
