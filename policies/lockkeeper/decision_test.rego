package lockkeeper_test

import data.lockkeeper
import rego.v1

site := {
	"roles": {"principals": {"idp on-call": ["oncall"]}, "groups": {}},
	"protectedUsers": {"break-glass": "test"},
	"gatewayUsers": {"lockkeeper": "test"},
	"suspended": {"principals": {"idp gone": "test"}, "people": {"gone": "test"}},
}

asked_by(id) := {
	"principal": {"id": id, "issuer": "idp", "kind": "human", "groups": [], "authn": "jwt"},
	"action": "iam:UpdateAccessKey",
	"credential": {"type": "access-key", "id": "AKIAIOSFODNN7EXAMPLE", "userName": "Bob", "account": "123456789012"},
	"change": {"status": "Inactive"},
	"context": {"time": {"hour": 9}},
}

codes(decision) := [reason.code | some reason in decision.reasons]

test_nothing_known_is_not_permitted if {
	decision := lockkeeper.decision with input as {} with data.site as site
	decision.allow == false
	codes(decision) == ["not-permitted"]
}

test_missing_input_is_not_permitted if {
	decision := lockkeeper.decision with data.site as site
	decision.allow == false
	codes(decision) == ["not-permitted"]
}

facts := {
	"siblings": [{"id": "AKIAI44QH8DHBEXAMPLE", "status": "Active"}],
	"user": {"path": "/", "tags": {}},
}

test_what_has_to_be_known_is_asked_for if {
	decision := lockkeeper.decision with input as asked_by("on-call") with data.site as site
	decision.allow == false
	codes(decision) == ["facts-needed"]
	decision.needs == ["siblings", "user"]
}

test_only_what_is_not_known_is_asked_for if {
	request := object.union(asked_by("on-call"), {"facts": {"user": null, "unavailable": {"user": "not-found"}}})
	decision := lockkeeper.decision with input as request with data.site as site
	decision.needs == ["siblings"]
}

test_nothing_is_looked_up_for_who_is_not_allowed if {
	every request in [
		asked_by("nobody"),
		asked_by("gone"),
		object.union(asked_by("on-call"), {"change": {"status": "Active"}}),
		object.union(asked_by("on-call"), {"credential": {"userName": "break-glass"}}),
	] {
		decision := lockkeeper.decision with input as request with data.site as site
		decision.allow == false
		decision.needs == []
	}
}

test_allowed_with_reason if {
	request := object.union(asked_by("on-call"), {"facts": facts})
	decision := lockkeeper.decision with input as request with data.site as site
	decision == {
		"allow": true,
		"reasons": [{"code": "oncall-switch-off", "message": "On-call may switch a credential off."}],
		"obligations": [],
		"needs": [],
	}
}

test_what_is_missing_is_told if {
	request := object.union(asked_by("on-call"), {"change": {"status": "Active"}})
	decision := lockkeeper.decision with input as request with data.site as site
	decision.allow == false
	codes(decision) == ["ticket-required"]
}

test_deny_overrides_allow if {
	protected := object.union(asked_by("on-call"), {"credential": {"userName": "BREAK-glass"}})
	some_are_allowed := lockkeeper.allow with input as protected with data.site as site
	count(some_are_allowed) > 0
	decision := lockkeeper.decision with input as protected with data.site as site
	decision.allow == false
	codes(decision) == ["protected-user"]
}

test_denials_add_up_in_order_of_their_codes if {
	request := object.union(asked_by("gone"), {
		"credential": {"userName": "lockkeeper"},
		"onBehalfOf": {"id": "Gone"},
	})
	decision := lockkeeper.decision with input as request with data.site as site
	codes(decision) == ["gateway-own-user", "on-behalf-of-suspended", "principal-suspended"]
}

test_without_site_data_nothing_is_allowed if {
	owner := object.union(asked_by("bob"), {"principal": {"kind": "human", "userName": "Bob"}})
	decision := lockkeeper.decision with input as owner with data.site as {}
	decision.allow == false
	codes(decision) == ["site-data-missing"]
}
