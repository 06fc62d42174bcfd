import { textElement } from "./xml.ts";

/** What goes over the wire, when everything is as it should be. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** IAM says no: its error code, and the sentence that goes with it. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** What an action came to: the XML inside `<…Result>` (null for actions without one), or a refusal. */
export type Result = { readonly xml: string | null } | Refusal;

export type Service = "iam" | "sts";

const namespaces: Readonly<Record<Service, string>> = {
  iam: "https://iam.amazonaws.com/doc/2010-05-08/",
  sts: "https://sts.amazonaws.com/doc/2011-06-15/",
};

export function refusal(status: number, code: string, message: string): Refusal {
  return { status, code, message };
}

/** The answer in the IAM Query protocol. The request id stands in the header and in the body, as clients read either. */
export function queryAnswer(service: Service, action: string, result: Result, requestId: string): HttpAnswer {
  const xmlns = namespaces[service];
  const id = textElement("RequestId", requestId);
  if (!("xml" in result)) {
    const type = textElement("Type", result.status < 500 ? "Sender" : "Receiver");
    const error = `${type}${textElement("Code", result.code)}${textElement("Message", result.message)}`;
    const body = `<ErrorResponse xmlns="${xmlns}"><Error>${error}</Error>${id}</ErrorResponse>`;
    return { status: result.status, headers: xmlHeaders(requestId), body };
  }
  const inner = result.xml === null ? "" : `<${action}Result>${result.xml}</${action}Result>`;
  const metadata = `<ResponseMetadata>${id}</ResponseMetadata>`;
  const body = `<${action}Response xmlns="${xmlns}">${inner}${metadata}</${action}Response>`;
  return { status: 200, headers: xmlHeaders(requestId), body };
}

function xmlHeaders(requestId: string): Record<string, string> {
  return { "content-type": "text/xml", "x-amzn-requestid": requestId };
}
