import type { IamMembers, IamValue } from "../changes/iam-answers.ts";
import { dateElement, textElement } from "./xml.ts";

/** The members of a result as IAM writes them: a list as `<member>` elements, a time to the second. */
export function resultXml(members: IamMembers): string {
  return Object.entries(members)
    .map(([name, value]) => element(name, value))
    .join("");
}

function element(name: string, value: IamValue): string {
  if (value instanceof Date) return dateElement(name, value.getTime());
  if (isList(value)) return `<${name}>${value.map((member) => element("member", member)).join("")}</${name}>`;
  if (typeof value === "object") return `<${name}>${resultXml(value)}</${name}>`;
  return textElement(name, String(value));
}

/** `Array.isArray` does not know of readonly arrays. */
function isList(value: IamValue): value is readonly IamValue[] {
  return Array.isArray(value);
}
