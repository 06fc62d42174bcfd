package lockkeeper_test

import data.lockkeeper
import rego.v1

site := {
	"operators": {"idp olga": "on call"},
	"protectedUsers": {"break-glass": "the way in when everything else is down"},
}

asked_by(id, more) := object.union(
	{
		"principal": {"id": id, "issuer": "idp"},
		"action": "iam:UpdateAccessKey",
		"credential": {"userName": "Bob"},
		"change": {"status": "Inactive"},
	},
	more,
)

switch_on := {"change": {"status": "Active"}}

ticket(id) := {"change": {"ticket": {"id": id}}}

# The answer, and the codes of its reasons.
decided(request) := [decision.allow, [reason.code | some reason in decision.reasons]] if {
	decision := lockkeeper.decision with input as request with data.site as site
}

test_an_operator_switches_off if {
	decided(asked_by("olga", {})) == [true, ["operator-switch-off"]]
	decided(asked_by("olga", ticket("SEC-123"))) == [true, ["operator-switch-off"]]
}

test_switching_on_needs_a_ticket if {
	decided(asked_by("olga", switch_on)) == [false, ["ticket-required"]]
	decided(asked_by("olga", object.union(switch_on, ticket("soon")))) == [false, ["ticket-required"]]
	decided(asked_by("olga", object.union(switch_on, ticket("SEC-123")))) == [true, ["operator-switch-on"]]
}

test_an_operator_looks if {
	decided(asked_by("olga", {"action": "lockkeeper:ListCredentials"})) == [true, ["operator-looks"]]
}

test_nobody_changes_protected_users if {
	request := asked_by("olga", {"credential": {"userName": "Break-Glass"}})
	decided(request) == [false, ["protected-user"]]
}

test_others_may_do_nothing if {
	decided(asked_by("mallory", {})) == [false, ["not-permitted"]]
	decided({}) == [false, ["not-permitted"]]
}
