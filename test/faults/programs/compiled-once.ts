// The gateway as it is; its code is compiled at the first start only, so that it can be killed and started many times.
import { enableCompileCache, flushCompileCache } from "node:module";

enableCompileCache();
await import("../../../src/gateway.ts");
// Written at an orderly end otherwise, of which there may be none.
flushCompileCache();
await import("../../../src/main.ts");
