// npm run bench [PART ...]: figures of the built gateway in production mode against references in the same run. `policy`
// stands for every part whose name begins with `policy-`.
// Parts take turns within each round, so that what else the machine does meets both sides of a ratio.
import { fileURLToPath } from "node:url";
import { stopAll } from "../fixture/processes.ts";
import { allowed } from "./allowed.ts";
import { audit } from "./audit.ts";
import { awsDoor } from "./aws-door.ts";
import { denied } from "./denied.ts";
import { flood } from "./flood.ts";
import { oneCaller } from "./one-caller.ts";
import { policyData } from "./policy-data.ts";
import { policyDecision } from "./policy-decision.ts";
import { policyReplay } from "./policy-replay.ts";
import { policySwap } from "./policy-swap.ts";
import { startUp } from "./start-up.ts";

const parts: Readonly<Record<string, () => Promise<void>>> = {
  denied,
  allowed,
  "one-caller": oneCaller,
  "aws-door": awsDoor,
  flood,
  "start-up": startUp,
  audit,
  "policy-decision": policyDecision,
  "policy-swap": policySwap,
  "policy-data": policyData,
  "policy-replay": policyReplay,
};
const asked = process.argv.slice(2);
const isMeant = (part: string) => (name: string) => part === name || part.startsWith(`${name}-`);
const unknown = asked.filter((name) => !Object.keys(parts).some((part) => isMeant(part)(name)));
if (unknown.length > 0) {
  console.error(`unknown part: ${unknown.join(", ")}. There are: ${Object.keys(parts).join(", ")}`);
  process.exit(2);
}

console.log(`Node.js ${process.version}, ${fileURLToPath(new URL("../../dist", import.meta.url))}`);
try {
  for (const [name, run] of Object.entries(parts)) {
    if (asked.length > 0 && !asked.some(isMeant(name))) continue;
    console.log(`\n${name}`);
    await run();
    await stopAll();
  }
} finally {
  await stopAll();
}
