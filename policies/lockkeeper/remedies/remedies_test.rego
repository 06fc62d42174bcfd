package lockkeeper.remedies_test

import data.lockkeeper.remedies
import rego.v1

site := {
	"roles": {
		"principals": {"idp on-call": ["oncall"], "idp chat": ["chatops"], "idp gone": ["oncall"]},
		"groups": {},
	},
	"protectedUsers": {"break-glass": "test"},
	"gatewayUsers": {"lockkeeper": "test"},
	"suspended": {"principals": {"idp gone": "test"}, "people": {"gone": "test"}},
}

asked(id, kind, status) := {
	"principal": {"id": id, "issuer": "idp", "kind": kind, "groups": [], "authn": "jwt"},
	"action": "iam:UpdateAccessKey",
	"credential": {"type": "access-key", "id": "AKIAIOSFODNN7EXAMPLE", "userName": "Bob", "account": "123456789012"},
	"change": {"status": status},
	"context": {"time": {"hour": 9}},
	"facts": {"siblings": [{"id": "AKIAI44QH8DHBEXAMPLE", "status": "Active"}], "user": {"tags": {}}},
}

told(request) := {remedy.needs | some remedy in answer} if {
	answer := remedies.answer with input as request with data.site as site
}

role(name) := {"kind": "role", "role": name}

ticket := {"kind": "ticket"}

person := {"kind": "on-behalf-of"}

test_a_ticket_alone_when_it_is_enough if {
	answer := remedies.answer with input as asked("on-call", "human", "Active") with data.site as site
	answer == {{
		"needs": [ticket],
		"certain": true,
		"message": "With a ticket such as SEC-123 this would be allowed.",
	}}
}

test_a_malformed_ticket_is_none if {
	request := object.union(asked("on-call", "human", "Active"), {"change": {"ticket": {"id": "urgent"}}})
	told(request) == {[ticket]}
}

test_people_are_told_of_roles_for_people if {
	told(asked("stranger", "human", "Inactive")) == {[role("oncall")], [role("admin")]}
	told(asked("stranger", "human", "Active")) == {[role("oncall"), ticket], [role("admin"), ticket]}
}

test_integrations_are_told_of_every_role if {
	told(asked("stranger", "bot", "Inactive")) == {
		[role("oncall")],
		[role("admin")],
		[role("ticketing"), ticket],
		[role("chatops"), person],
	}
}

test_a_person_who_is_not_named if {
	person_is_told := remedies.answer with input as asked("chat", "bot", "Inactive") with data.site as site
	some remedy in person_is_told
	remedy.needs == [person]
	contains(remedy.message, "onBehalfOf")
}

test_a_protected_user_needs_an_admin if {
	request := object.union(asked("on-call", "human", "Inactive"), {"credential": {"userName": "break-glass"}})
	answer := remedies.answer with input as request with data.site as site
	answer == {{
		"needs": [role("admin")],
		"certain": true,
		"message": "With the role admin this would be allowed.",
	}}
}

test_looking_takes_a_role if {
	request := object.union(asked("stranger", "human", "Active"), {"action": "lockkeeper:ReadAudit"})
	told(request) == {[role("admin")], [role("auditor")]}
}

test_nothing_helps_against_a_suspension_or_for_the_gateway if {
	told(asked("gone", "human", "Inactive")) == set()
	told(object.union(asked("chat", "bot", "Inactive"), {"onBehalfOf": {"id": "gone"}})) == set()
	told(object.union(asked("on-call", "human", "Inactive"), {"credential": {"userName": "lockkeeper"}})) == set()
}

test_nothing_is_known_of_what_is_no_request if {
	told({}) == set()
	told("nothing") == set()
}

test_what_depends_on_facts_is_uncertain_and_does_not_hide_what_is_certain if {
	request := object.remove(asked("on-call", "human", "Active"), {"facts"})
	answer := remedies.answer with input as request with data.site as site
	{[remedy.needs, remedy.certain] | some remedy in answer} == {
		[[ticket], false],
		[[role("admin"), ticket], true],
	}
}

test_a_ticket_for_the_last_active_access_key if {
	last := {"facts": {"siblings": [{"id": "AKIAI44QH8DHBEXAMPLE", "status": "Inactive"}]}}
	told(object.union(asked("on-call", "human", "Inactive"), last)) == {[ticket]}
}

test_a_decision_that_asks_for_facts_is_uncertain if {
	asks := {"allow": false, "reasons": [], "obligations": [], "needs": ["siblings"]}
	answer := remedies.answer with input as asked("on-call", "human", "Active")
		with data.site as site
		with data.lockkeeper.decision as asks
	some remedy in answer
	remedy.needs == [ticket]
	remedy.certain == false
	contains(remedy.message, "may be allowed")
}
