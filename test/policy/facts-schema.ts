const time = {
  type: "object",
  required: ["rfc3339", "epochMs"],
  properties: {
    rfc3339: { type: "string", pattern: "^20[0-9]{2}-0[1-9]-[0-2][1-8]T[0-9]{2}:[0-9]{2}:00\\.000Z$" },
    epochMs: { type: "integer", minimum: 0, maximum: 9_007_199_254_740_991 },
  },
};
const credential = {
  type: ["object", "null"],
  required: ["id", "status", "createdAt"],
  properties: {
    id: { type: "string", minLength: 16, maxLength: 128, pattern: "^[A-Za-z0-9_]+$" },
    status: { type: "string", enum: ["Active", "Inactive", "Expired"] },
    createdAt: time,
    lastUsedAt: time,
  },
};
const reason = { type: "string", enum: ["not-found", "refused", "unavailable", "too-large"] };

/** What a gateway finds out for a policy that needs it: the part of the input's schema that says so. */
export const factsSchema = {
  type: "object",
  properties: {
    credential,
    siblings: { type: ["array", "null"], maxItems: 4, items: { ...credential, type: "object" } },
    user: {
      type: ["object", "null"],
      required: ["path", "tags", "createdAt"],
      properties: {
        path: { type: "string", pattern: "^/([a-z]{1,8}/){0,3}$" },
        tags: { type: "object", additionalProperties: { type: "string", maxLength: 256 } },
        createdAt: time,
      },
    },
    unavailable: { type: "object", properties: { credential: reason, siblings: reason, user: reason } },
  },
};
