# Runs every case of cases.json through the policies with the sandbox's data:
#   opa test policies test/policy/cases_test.rego cases:test/policy/cases.json sandbox:src/sandbox/site.json
package lockkeeper.cases_test

import data.lockkeeper
import rego.v1

actions := {
	"access-key": "iam:UpdateAccessKey",
	"service-specific-credential": "iam:UpdateServiceSpecificCredential",
	"signing-certificate": "iam:UpdateSigningCertificate",
	"ssh-public-key": "iam:UpdateSSHPublicKey",
}

test_cases if {
	failed := {case.name: got |
		some case in data.cases.cases
		decision := lockkeeper.decision with input as request(case) with data.site as data.sandbox.site
		got := {"allow": decision.allow, "codes": [reason.code | some reason in decision.reasons]}
		got != case.expected
	}
	print("unlike what is expected:", failed)
	failed == {}
	count(data.cases.cases) >= 60
}

request(case) := object.union(
	{
		"principal": data.cases.principals[case.principal].principal,
		"context": context,
		"facts": object.get(data.cases.facts, lower(user(case)), data.cases.facts.ordinary),
	},
	asked(case),
)

default user(_) := "ordinary"

user(case) := case.body.credential.userName

asked(case) := case.read if case.read

asked(case) := object.union(
	{
		"action": actions[case.body.credential.type],
		"credential": object.union(filled_in(case), case.body.credential),
		"change": object.union(object.filter(case.body, ["status", "reason"]), ticket(case)),
	},
	on_behalf_of(case),
) if {
	case.body
}

# The front door fills in the principal's own user, and the account.
filled_in(case) := {
	"account": "123456789012",
	"userName": object.get(data.cases.principals[case.principal].principal, "userName", null),
}

default ticket(_) := {}

ticket(case) := {"ticket": {"id": case.body.ticket, "verified": false}}

default on_behalf_of(_) := {}

on_behalf_of(case) := {"onBehalfOf": {"id": case.body.onBehalfOf}}

context := {
	"time": {
		"rfc3339": "2026-11-21T09:30:00.000Z",
		"epochMs": 1795253400000,
		"hour": 9,
		"weekday": "Saturday",
		"zone": "UTC",
	},
	"sourceIp": "127.0.0.1",
	"channel": "rest",
	"requestId": "cases",
}
