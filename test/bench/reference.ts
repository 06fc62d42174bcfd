// What Lockkeeper is measured against: bare Express 5 apps, default settings, each in a process of its own.
//   reference.ts echo | reference.ts sdk IAM_URL      prints its URL on a line of its own
import type { AddressInfo } from "node:net";
import { IAMClient, ListAccessKeysCommand, UpdateAccessKeyCommand } from "@aws-sdk/client-iam";
import express from "express";
import { sandboxCredentials } from "../../src/sandbox/iam/seed.ts";

const [kind, iamUrl] = process.argv.slice(2);
const app = express();
app.use(express.json());

if (kind === "sdk" && iamUrl !== undefined) {
  const iam = new IAMClient({
    endpoint: iamUrl,
    region: "us-east-1",
    credentials: sandboxCredentials,
  });
  app.post("/", async (req, res) => {
    const { userName: UserName, id: AccessKeyId } = req.body.credential;
    const { AccessKeyMetadata } = await iam.send(new ListAccessKeysCommand({ UserName }));
    await iam.send(new UpdateAccessKeyCommand({ UserName, AccessKeyId, Status: req.body.status }));
    res.status(201).json({ previousStatus: AccessKeyMetadata?.find((one) => one.AccessKeyId === AccessKeyId)?.Status });
  });
} else {
  app.post("/", (req, res) => void res.json(req.body));
}

const server = app.listen(0, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
