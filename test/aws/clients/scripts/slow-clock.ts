// Switches an access key off on a machine whose clock is ten minutes slow, and prints what came of it as JSON.
import { IAMClient, UpdateAccessKeyCommand } from "@aws-sdk/client-iam";

const right = Date.now;
Date.now = () => right() - 600_000;

const { LOCKKEEPER_ENDPOINT: endpoint, USER_NAME: UserName, ACCESS_KEY: AccessKeyId } = process.env;
const client = new IAMClient({ ...(endpoint !== undefined && { endpoint }), region: "us-east-1" });
const { $metadata } = await client.send(new UpdateAccessKeyCommand({ UserName, AccessKeyId, Status: "Inactive" }));
console.log(JSON.stringify($metadata));
