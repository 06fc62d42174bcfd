import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configDigest } from "../../src/config/digest.ts";
import { loadConfig, sandboxConfig } from "../../src/config.ts";
import type { Fault } from "../../src/errors.ts";
import { LockkeeperError } from "../../src/errors.ts";

const account = "123456789012";
const issuer = {
  issuer: "https://idp.example",
  audience: "lockkeeper",
  jwksUri: "https://idp.example/keys",
  algorithms: ["RS256"],
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lockkeeper-config-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function yamlFile(text: string): string {
  const file = join(mkdtempSync(join(folder, "case-")), "lockkeeper.yaml");
  writeFileSync(file, text);
  return file;
}

const policy = { dataFile: "/site.json" };
const audit = { signingKeyFile: "/signing-key" };
const inEnvironment = {
  LOCKKEEPER_POLICY_DATA_FILE: "/site.json",
  LOCKKEEPER_AUDIT_SIGNING_KEY_FILE: "/signing-key",
};

/** JSON is YAML. With what is required of policy and audit, unless the settings have something of their own there. */
function load(settings: object, env: Record<string, string> = {}) {
  return loadConfig({ file: yamlFile(JSON.stringify({ policy, audit, ...settings })), env, readable: () => true });
}

/** From the environment alone. */
function loadEnv(env: Record<string, string>) {
  return loadConfig({ env: { ...inEnvironment, ...env }, readable: () => true });
}

function errorOf(act: () => unknown): LockkeeperError {
  try {
    act();
  } catch (error) {
    if (error instanceof LockkeeperError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

function faultsOf(act: () => unknown): readonly Fault[] {
  const error = errorOf(act);
  expect(error.code).toBe("configuration");
  return error.details.faults ?? [];
}

function placesOf(act: () => unknown): readonly string[] {
  return faultsOf(act).map(({ at }) => at);
}

describe("where policies come from", () => {
  test.each([
    [{ url: "https://b.example/x", bundle: "b.tar.gz" }, "policy.url: Set it or policy.bundle, not both."],
    [{ tokenFile: "t" }, "policy.tokenFile: It is for policy.url"],
    [{ allowRollbackTo: "r1" }, "policy.allowRollbackTo: It is for policy.url or policy.bundle"],
    [{ url: "http://b.example/x" }, "policy.url: Give an absolute https:// URL"],
    [{ verification: { keyFile: "k", algorithm: "none" } }, "policy.verification.algorithm: Choose one of: ES256"],
  ])("is one place, with what belongs to it: %j", (settings, fault) => {
    expect(() => load({ iam: { account }, policy: { ...policy, ...settings } })).toThrow(fault);
  });
});

describe("a sound configuration", () => {
  test("needs the account, the site's data and a signing key, and fills in the rest", () => {
    expect(load({ iam: { account } })).toEqual({
      listen: { host: "127.0.0.1", port: 8080 },
      trustedProxies: [],
      dataDir: "data",
      log: { level: "info", format: "auto" },
      iam: {
        account,
        region: "us-east-1",
        endpoint: "https://iam.amazonaws.com",
        stsEndpoint: "https://sts.us-east-1.amazonaws.com",
        deadlineMs: 5000,
        readDeadlineMs: 5000,
      },
      policy: {
        dataFile: "/site.json",
        longPollSeconds: 0,
        deadlineMs: 10_000,
        maxBytes: 16_777_216,
        pollMs: 2_000,
        timeZone: "UTC",
      },
      audit: {
        deadlineMs: 2000,
        maxQueue: 2048,
        origin: `lockkeeper/${account}`,
        signingKeyFile: "/signing-key",
        formerKeys: [],
        outside: { intervalMs: 1000, alertAfterMs: 300000 },
      },
      reconcile: { intervalMs: 10000, graceMs: 30000, giveUpMs: 900000 },
      authn: { apiKeys: { enabled: true }, issuers: [] },
      limits: {
        changes: { perMinute: 60 },
        reads: { perMinute: 300 },
        whatIfs: { perMinute: 120 },
        failedAuthentications: { perMinute: 30 },
      },
      idempotency: { ttlHours: 24 },
      shutdown: { announceMs: 0, graceMs: 15000 },
    });
  });

  test("may come from the environment alone", () => {
    expect(loadEnv({ LOCKKEEPER_IAM_ACCOUNT: account }).iam.account).toBe(account);
  });

  test("is frozen to the bottom", () => {
    const config = load({ iam: { account }, authn: { issuers: [issuer] } });
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.authn.issuers[0]?.claims)).toBe(true);
    expect(Object.isFrozen(config.authn.issuers[0]?.algorithms)).toBe(true);
  });

  test("takes the environment over the file", () => {
    const config = load(
      { iam: { account }, log: { level: "warn", format: "json" }, listen: { port: 1 } },
      {
        LOCKKEEPER_LISTEN: "[::1]:9000",
        LOCKKEEPER_LOG_LEVEL: "debug",
        LOCKKEEPER_LIMIT_CHANGES: "7",
        LOCKKEEPER_API_KEYS_ENABLED: "true",
        LOCKKEEPER_TRUSTED_PROXIES: "10.0.0.0/8, 192.0.2.1",
      },
    );
    expect(config.listen).toEqual({ host: "::1", port: 9000 });
    expect(config.log).toEqual({ level: "debug", format: "json" });
    expect(config.limits.changes.perMinute).toBe(7);
    expect(config.trustedProxies).toEqual(["10.0.0.0/8", "192.0.2.1"]);
  });

  test("reads a value from the file that NAME_FILE names, without its last line break", () => {
    const secret = join(folder, "account");
    writeFileSync(secret, `${account}\n`);
    expect(loadEnv({ LOCKKEEPER_IAM_ACCOUNT_FILE: secret }).iam.account).toBe(account);
  });

  test("finds LOCKKEEPER_CONFIG, and --config before it", () => {
    const first = yamlFile(`iam: { account: "${account}" }\nlog: { level: warn }`);
    const second = yamlFile(`iam: { account: "${account}" }\nlog: { level: error }`);
    expect(loadEnv({ LOCKKEEPER_CONFIG: first }).log.level).toBe("warn");
    const env = { LOCKKEEPER_CONFIG: first, ...inEnvironment };
    expect(loadConfig({ file: second, env, readable: () => true }).log.level).toBe("error");
  });

  test("means relative paths in the file from the file's own folder", () => {
    const file = yamlFile(
      `iam: { account: "${account}" }\ndataDir: log\npolicy: { dataFile: ../site.json }\naudit: { signingKeyFile: key, outside: { file: out } }\npostgres: { url: "postgres://a@b/c", passwordFile: pw }\nauthn: { awsKeys: { encryptionKeyFile: kek, formerEncryptionKeyFiles: [old/1, /old/2] } }`,
    );
    const config = loadConfig({ file, env: {}, readable: () => true });
    expect(config.dataDir).toBe(join(file, "..", "log"));
    expect(config.policy.dataFile).toBe(join(file, "..", "..", "site.json"));
    expect(config.audit.signingKeyFile).toBe(join(file, "..", "key"));
    expect(config.audit.outside.file).toBe(join(file, "..", "out"));
    expect(config.postgres?.passwordFile).toBe(join(file, "..", "pw"));
    expect(config.authn.awsKeys).toEqual({
      enabled: true,
      encryptionKeyFile: join(file, "..", "kek"),
      formerEncryptionKeyFiles: [join(file, "..", "old", "1"), "/old/2"],
    });
  });

  test("takes key pairs for AWS clients from the environment alone", () => {
    const env = {
      LOCKKEEPER_IAM_ACCOUNT: account,
      LOCKKEEPER_API_KEYS_ENABLED: "false",
      LOCKKEEPER_AWS_KEYS_ENCRYPTION_KEY_FILE: "/new",
      LOCKKEEPER_AWS_KEYS_FORMER_ENCRYPTION_KEY_FILES: "/old/1, /old/2",
    };
    expect(loadEnv(env).authn.awsKeys).toEqual({
      enabled: true,
      encryptionKeyFile: "/new",
      formerEncryptionKeyFiles: ["/old/1", "/old/2"],
    });
    expect(placesOf(() => loadEnv({ ...env, LOCKKEEPER_AWS_KEYS_ENABLED: "false" }))).toEqual(["authn"]);
  });

  test("looks whether the files of encryption keys are there", () => {
    const awsKeys = { encryptionKeyFile: "/new", formerEncryptionKeyFiles: ["/there", "/old"] };
    const file = yamlFile(JSON.stringify({ iam: { account }, policy, audit, authn: { awsKeys } }));
    const readable = (path: string) => path !== "/new" && path !== "/old";
    expect(placesOf(() => loadConfig({ file, env: {}, readable }))).toEqual([
      "authn.awsKeys.encryptionKeyFile",
      "authn.awsKeys.formerEncryptionKeyFiles[1]",
    ]);
  });

  test("is not upset by the variables that Kubernetes makes of a Service called lockkeeper", () => {
    const env = {
      LOCKKEEPER_IAM_ACCOUNT: account,
      LOCKKEEPER_SERVICE_HOST: "10.0.0.1",
      LOCKKEEPER_SERVICE_PORT: "80",
      LOCKKEEPER_SERVICE_PORT_HTTP: "80",
      LOCKKEEPER_PORT: "tcp://10.0.0.1:80",
      LOCKKEEPER_PORT_80_TCP: "tcp://10.0.0.1:80",
      LOCKKEEPER_PORT_80_TCP_ADDR: "10.0.0.1",
    };
    expect(loadEnv(env).listen.port).toBe(8080);
  });

  test("never takes an endpoint from the AWS SDK's variables", () => {
    const env = {
      LOCKKEEPER_IAM_ACCOUNT: account,
      AWS_ENDPOINT_URL_IAM: "http://evil.example",
      AWS_REGION: "eu-west-1",
    };
    expect(loadEnv(env).iam).toMatchObject({ endpoint: "https://iam.amazonaws.com", region: "us-east-1" });
  });

  test.each([
    ["cn-north-1", "https://iam.cn-north-1.amazonaws.com.cn"],
    ["us-gov-west-1", "https://iam.us-gov.amazonaws.com"],
  ])("knows the endpoints of the partition of %s", (region, endpoint) => {
    expect(load({ iam: { account, region } }).iam.endpoint).toBe(endpoint);
  });
});

describe("a faulty configuration", () => {
  test("is told of every fault at once, each with its place", () => {
    const act = () =>
      load(
        {
          iam: { account: 123456789012, regoin: "us-east-1" },
          listen: { host: "0.0.0.0" },
          audit: { maxQueue: 1 },
          authn: { issuers: [{ ...issuer, algorithms: ["HS256"], clockToleranceSeconds: 61 }, issuer, { ...issuer }] },
          limit: {},
          policy: { dataFile: "d", timeZone: "Mars/Olympus" },
        },
        { LOCKKEEPER_LOG_LEVEL: "loud", LOCKKEEPER_LISTNE: "x:1" },
      );
    expect([...placesOf(act)].sort()).toEqual([
      "LOCKKEEPER_LISTNE",
      "audit.maxQueue",
      "authn.issuers[0].algorithms[0]",
      "authn.issuers[0].clockToleranceSeconds",
      "iam.account",
      "iam.regoin",
      "limit",
      "listen.host",
      "log.level (LOCKKEEPER_LOG_LEVEL)",
      "policy.timeZone",
    ]);
    const { message } = errorOf(act);
    for (const { at, message: sentence } of faultsOf(act)) {
      expect(sentence).toMatch(/^[A-Z].*[.@]$/);
      expect(message).toContain(`${at}: ${sentence}`);
    }
  });

  test.each([
    ["account as a number", { iam: { account: 12345678901 } }, "iam.account"],
    ["no iam section", {}, "iam.account"],
    ["a section that is a list", { iam: { account }, log: [] }, "log"],
    ["a section left empty", { iam: { account }, log: null }, "log"],
    ["a port that is none", { iam: { account }, listen: { port: 65536 } }, "listen.port"],
    ["a port as text", { iam: { account }, listen: { port: "8080" } }, "listen.port"],
    ["a key without its certificate", { iam: { account }, tls: { keyFile: "k" } }, "tls.certFile"],
    ["a proxy range that is none", { iam: { account }, trustedProxies: ["10.0.0.0/33"] }, "trustedProxies[0]"],
    ["a proxy range of everybody", { iam: { account }, trustedProxies: ["0.0.0.0/0"] }, "trustedProxies[0]"],
    [
      "IAM over plain HTTP",
      { iam: { account, endpoint: "http://iam.example", stsEndpoint: "https://sts.example" } },
      "iam.endpoint",
    ],
    [
      "a password in a URL",
      { iam: { account, endpoint: "https://a:b@iam.example", stsEndpoint: "https://sts.example" } },
      "iam.endpoint",
    ],
    ["an endpoint for IAM but none for STS", { iam: { account, endpoint: "https://iam.example" } }, "iam.stsEndpoint"],
    ["a region that IAM does not sign for", { iam: { account, region: "eu-west-1" } }, "iam.region"],
    ["an impossible user name", { iam: { account, ownUserName: "a b" } }, "iam.ownUserName"],
    ["nobody who could authenticate", { iam: { account }, authn: { apiKeys: { enabled: false } } }, "authn"],
    [
      "key pairs without a key to encrypt them",
      { iam: { account }, authn: { awsKeys: { enabled: true } } },
      "authn.awsKeys.encryptionKeyFile",
    ],
    [
      "former encryption keys that are no paths",
      { iam: { account }, authn: { awsKeys: { encryptionKeyFile: "/k", formerEncryptionKeyFiles: [""] } } },
      "authn.awsKeys.formerEncryptionKeyFiles[0]",
    ],
    ["an issuer given twice", { iam: { account }, authn: { issuers: [issuer, issuer] } }, "authn.issuers[1].issuer"],
    [
      "an issuer over plain HTTP",
      { iam: { account }, authn: { issuers: [{ ...issuer, jwksUri: "http://idp.example/keys" }] } },
      "authn.issuers[0].jwksUri",
    ],
    [
      "an issuer with a fragment",
      { iam: { account }, authn: { issuers: [{ ...issuer, issuer: "https://idp.example#a" }] } },
      "authn.issuers[0].issuer",
    ],
    [
      "no algorithm",
      { iam: { account }, authn: { issuers: [{ ...issuer, algorithms: [] }] } },
      "authn.issuers[0].algorithms",
    ],
    [
      "the algorithm none",
      { iam: { account }, authn: { issuers: [{ ...issuer, algorithms: ["none"] }] } },
      "authn.issuers[0].algorithms[0]",
    ],
    [
      "no audience",
      { iam: { account }, authn: { issuers: [{ ...issuer, audience: [] }] } },
      "authn.issuers[0].audience",
    ],
    [
      "giving up before looking",
      { iam: { account }, reconcile: { graceMs: 5000, giveUpMs: 5000 } },
      "reconcile.giveUpMs",
    ],
    ["no data of the site", { iam: { account }, policy: {} }, "policy.dataFile"],
    ["no signing key", { iam: { account }, audit: {} }, "audit.signingKeyFile"],
    ["a log's name with a blank", { iam: { account }, audit: { ...audit, origin: "my log" } }, "audit.origin"],
    ["a former key that is none", { iam: { account }, audit: { ...audit, formerKeys: ["x"] } }, "audit.formerKeys[0]"],
    [
      "an outside memory over plain HTTP",
      { iam: { account }, audit: { ...audit, outside: { url: "http://memory.example/" } } },
      "audit.outside.url",
    ],
    ["the name of a recovered log", { iam: { account }, audit: { ...audit, origin: "a/recovered-1" } }, "audit.origin"],
    [
      "an outside memory inside",
      { iam: { account }, dataDir: "/data", audit: { ...audit, outside: { file: "/data/memory/checkpoint" } } },
      "audit.outside.file",
    ],
    [
      "a token for no endpoint",
      { iam: { account }, audit: { ...audit, outside: { tokenFile: "/token" } } },
      "audit.outside.tokenFile",
    ],
    ["a password in the database's URL", { iam: { account }, postgres: { url: "postgres://a:b@c/d" } }, "postgres.url"],
    ["a database that is not PostgreSQL", { iam: { account }, postgres: { url: "mysql://a@c/d" } }, "postgres.url"],
    [
      "a schema that needs quotes",
      { iam: { account }, postgres: { url: "postgres://a@c/d", schema: 'x"y' } },
      "postgres.schema",
    ],
    [
      "cutting changes off before they have ended",
      { iam: { account, deadlineMs: 9000 }, audit: { ...audit, deadlineMs: 2000 }, shutdown: { graceMs: 10_999 } },
      "shutdown.graceMs",
    ],
    ["a change that blocks its credential for long", { iam: { account, deadlineMs: 60_001 } }, "iam.deadlineMs"],
    ["a look-up without end", { iam: { account, readDeadlineMs: 60_001 } }, "iam.readDeadlineMs"],
  ])("%s is refused", (_what, settings, at) => {
    expect(placesOf(() => load(settings))).toEqual([at]);
  });

  test("a key of the log's is said to come from audit keygen, a witness's from its operator", () => {
    const witness = { url: "https://witness.example/", publicKey: "x" };
    const settings = { iam: { account }, audit: { ...audit, formerKeys: ["x"], outside: { witness } } };
    expect(faultsOf(() => load(settings))).toEqual([
      { at: "audit.formerKeys[0]", message: expect.stringContaining("`lockkeeper audit keygen`") },
      {
        at: "audit.outside.witness.publicKey",
        message: expect.stringMatching(/^Give the witness's public key, which its operator publishes/),
      },
    ]);
  });

  test("__proto__ is one of the unknown keys", () => {
    const file = yamlFile(
      `iam: { account: "${account}", __proto__: { region: cn-north-1 } }\npolicy: { dataFile: d }\naudit: { signingKeyFile: k }`,
    );
    expect(placesOf(() => loadConfig({ file, env: {}, readable: () => true }))).toEqual(["iam.__proto__"]);
  });

  test.each([
    ["LOCKKEEPER_LISTEN", "8080", "LOCKKEEPER_LISTEN"],
    ["LOCKKEEPER_LISTEN", "127.0.0.1:99999", "listen.port (LOCKKEEPER_LISTEN)"],
    ["LOCKKEEPER_LISTEN", "0.0.0.0:8080", "listen.host (LOCKKEEPER_LISTEN)"],
    ["LOCKKEEPER_LIMIT_CHANGES", "many", "LOCKKEEPER_LIMIT_CHANGES"],
    ["LOCKKEEPER_API_KEYS_ENABLED", "yes", "LOCKKEEPER_API_KEYS_ENABLED"],
    ["LOCKKEEPER_DATA_DIR", "", "LOCKKEEPER_DATA_DIR"],
    ["LOCKKEEPER_IAM_REGION_FILE", "/nonexistent/region", "LOCKKEEPER_IAM_REGION_FILE"],
    ["LOCKKEEPER_TRUSTED_PROXIES", "10.0.0.0/8,nobody", "trustedProxies[1] (LOCKKEEPER_TRUSTED_PROXIES)"],
    ["LOCKKEEPER_toString", "x", "LOCKKEEPER_toString"],
  ])("%s=%s is refused, and the variable named", (name, value, at) => {
    expect(placesOf(() => load({ iam: { account } }, { [name]: value }))).toEqual([at]);
  });

  test("a variable beside its _FILE is ambiguous", () => {
    const env = { LOCKKEEPER_IAM_ACCOUNT: account, LOCKKEEPER_IAM_ACCOUNT_FILE: "/nonexistent/account" };
    expect(placesOf(() => loadEnv(env))).toEqual(["LOCKKEEPER_IAM_ACCOUNT_FILE"]);
  });

  test.each([
    ["tls", { tls: { certFile: "cert.pem", keyFile: "key.pem" } }, ["tls.certFile", "tls.keyFile"]],
    ["policy", { policy: { bundle: "b.tar.gz", dataFile: "d.json" } }, ["policy.bundle", "policy.dataFile"]],
  ])("files of %s that are not there are refused", (_section, settings, places) => {
    const file = yamlFile(
      JSON.stringify({
        iam: { account },
        policy: { dataFile: "/dev/null" },
        audit: { signingKeyFile: "/dev/null" },
        ...settings,
      }),
    );
    expect(placesOf(() => loadConfig({ file, env: {} }))).toEqual(places);
  });

  test.each([
    ["a repeated key", "iam: { account: 'hunter2' }\niam: {}", 2],
    ["a broken line", "iam:\n  account: 'hunter2\n", 3],
    ["an unknown tag", "iam: !!secret hunter2", 1],
    ["two documents", "a: hunter2\n---\nb: 2", 2],
  ])("YAML with %s is refused with its line and without its content", (_what, text, line) => {
    const file = yamlFile(text);
    const error = errorOf(() => loadConfig({ file, env: {} }));
    expect(error.details.faults?.[0]?.at).toBe(`${file}:${line}`);
    expect(error.message).not.toContain("hunter2");
  });

  test("a file that is not there is named", () => {
    expect(placesOf(() => loadConfig({ file: join(folder, "none.yaml"), env: {} }))).toEqual([
      join(folder, "none.yaml"),
    ]);
  });

  test("a folder in the file's place is named", () => {
    mkdirSync(join(folder, "dir.yaml"));
    expect(errorOf(() => loadConfig({ file: join(folder, "dir.yaml"), env: {} })).message).toContain("EISDIR");
  });

  test("values never stand in a fault: somebody may have put a secret in the wrong place", () => {
    const error = errorOf(() =>
      load(
        {
          iam: { account: "hunter2", ownUserName: "hunter2 !" },
          log: { level: "hunter2" },
          trustedProxies: ["hunter2"],
        },
        { LOCKKEEPER_LIMIT_READS: "hunter2", LOCKKEEPER_LISTEN: "hunter2" },
      ),
    );
    expect(error.details.faults).toHaveLength(6);
    expect(`${error.message} ${JSON.stringify(error.details)}`).not.toContain("hunter2");
  });
});

describe("no configuration at all", () => {
  test.each([
    ["in a shell", { PATH: "/bin" }],
    ["in the container image", { PATH: "/bin", LOCKKEEPER_DATA_DIR: "/data" }],
  ])("%s says what is missing, and where an example is", (_where, env) => {
    const { message } = errorOf(() => loadConfig({ env }));
    expect(message).toContain("iam.account");
    expect(message).toContain("policy.dataFile");
    expect(message).toContain("docs/lockkeeper.example.yaml");
    expect(message).toContain("--sandbox");
  });
});

describe("a listener", () => {
  const exposed = { iam: { account }, listen: { host: "0.0.0.0", port: 8443 } };

  test.each(["0.0.0.0", "::", "192.0.2.7", "gateway.example", "localhost.example"])(
    "on %s needs tls or trustedProxies",
    (host) => {
      expect(placesOf(() => load({ ...exposed, listen: { host } }))).toEqual(["listen.host"]);
    },
  );

  test.each(["127.0.0.1", "127.1.2.3", "::1", "localhost"])("on %s does not", (host) => {
    expect(load({ ...exposed, listen: { host } }).listen.host).toBe(host);
  });

  test("may be exposed with tls, or behind trusted proxies", () => {
    expect(load({ ...exposed, tls: { certFile: "/c", keyFile: "/k" } }).tls?.certFile).toBe("/c");
    expect(load({ ...exposed, trustedProxies: ["10.0.0.0/8"] }).trustedProxies).toHaveLength(1);
  });
});

describe("the sandbox", () => {
  const iam = "http://127.0.0.1:4566";

  test("needs nothing", () => {
    const config = sandboxConfig(iam, {});
    expect(config.listen).toEqual({ host: "127.0.0.1", port: 8080 });
    expect(config.dataDir).toBe("data");
    expect(config.iam).toMatchObject({ endpoint: iam, stsEndpoint: iam, account, ownUserName: "lockkeeper" });
  });

  test("honours LOCKKEEPER_LISTEN and LOCKKEEPER_DATA_DIR", () => {
    const config = sandboxConfig(iam, { LOCKKEEPER_LISTEN: "[::1]:0", LOCKKEEPER_DATA_DIR: "/somewhere" });
    expect(config.listen).toEqual({ host: "::1", port: 0 });
    expect(config.dataDir).toBe("/somewhere");
  });

  test("refuses a listener that other machines can reach", () => {
    const { message } = errorOf(() => sandboxConfig(iam, { LOCKKEEPER_LISTEN: "0.0.0.0:8080" }));
    expect(message).toContain("this machine only");
    expect(message).not.toContain("tls.certFile");
  });

  test.each([
    "LOCKKEEPER_CONFIG",
    "LOCKKEEPER_IAM_ENDPOINT",
    "LOCKKEEPER_TLS_KEY_FILE",
    "LOCKKEEPER_TRUSTED_PROXIES",
    "LOCKKEEPER_AWS_KEYS_ENCRYPTION_KEY_FILE",
    "LOCKKEEPER_POLICY_TOKEN_FILE",
  ])("refuses %s", (name) => {
    expect(placesOf(() => sandboxConfig(iam, { [name]: "/etc/hostname" }))).toEqual([name]);
  });

  test("refuses an IAM that is not on this machine", () => {
    expect(placesOf(() => sandboxConfig("https://iam.amazonaws.com", {}))).toEqual(["iam.endpoint"]);
  });

  test("takes bundles from this machine, and from no other", () => {
    const url = "http://127.0.0.1:8099/bundle.tar.gz";
    expect(sandboxConfig(iam, { LOCKKEEPER_POLICY_URL: url }).policy.url).toBe(url);
    const elsewhere = { LOCKKEEPER_POLICY_URL: "https://bundles.example/bundle.tar.gz" };
    expect(placesOf(() => sandboxConfig(iam, elsewhere))).toEqual(["policy.url (LOCKKEEPER_POLICY_URL)"]);
  });
});

describe("the digest", () => {
  test("does not depend on the order of settings", () => {
    expect(configDigest({ a: 1, b: { c: [1, 2], d: 3 } })).toBe(configDigest({ b: { d: 3, c: [1, 2] }, a: 1 }));
  });

  test("changes with any setting", () => {
    const one = load({ iam: { account } });
    const other = load({ iam: { account }, limits: { reads: { perMinute: 301 } } });
    expect(configDigest(one)).toMatch(/^[0-9a-f]{64}$/);
    expect(configDigest(one)).not.toBe(configDigest(other));
  });
});
