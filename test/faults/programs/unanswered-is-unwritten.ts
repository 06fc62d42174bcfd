// A gateway that is wrong on purpose, the double of a control: it takes a commit without an answer for one that did not
// happen.
import { Writer } from "../../../src/audit/postgres/writer.ts";

Writer.prototype.has = async () => false;

await import("../../../src/main.ts");
