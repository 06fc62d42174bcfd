package lockkeeper.reads_test

import data.lockkeeper.reads
import rego.v1

codes(reasons) := {reason.code | some reason in reasons}

test_who_may_change_may_look_it_up if {
	every action in reads.look_ups {
		every role in {"admin", "chatops", "oncall", "ticketing", "viewer"} {
			codes(reads.allow) == {concat("-", [role, "may-look"])} with input as {"action": action}
				with data.lockkeeper.request.roles as {role}
		}
	}
}

test_bots_do_not_see_everybodys_changes if {
	every role in {"chatops", "ticketing"} {
		codes(reads.allow) == set() with input as {"action": "lockkeeper:ReadStatusChange"}
			with data.lockkeeper.request.roles as {role}
	}
}

test_owners_look_at_their_own if {
	request := {"principal": {"kind": "human", "userName": "bob"}, "credential": {"userName": "Bob"}}
	every action in reads.reads_of_a_user | {"lockkeeper:ReadStatusChange", "lockkeeper:SearchStatusChanges"} {
		codes(reads.allow) == {"owner-may-look"} with input as object.union(request, {"action": action})
	}
	every action in {"lockkeeper:FindAccessKeyOwner", "iam:GetAccessKeyLastUsed", "iam:ListUsers", "lockkeeper:ReadAudit"} {
		codes(reads.allow) == set() with input as object.union(request, {"action": action})
	}
}

test_requesters_see_their_changes if {
	request := {
		"action": "lockkeeper:ReadStatusChange",
		"principal": {"id": "jo", "issuer": "idp"},
		"change": {"requestedBy": {"id": "jo", "issuer": "idp"}},
	}
	codes(reads.allow) == {"requester-may-look"} with input as request
	codes(reads.allow) == set() with input as object.union(request, {"principal": {"issuer": "other"}})
	codes(reads.allow) == set() with input as object.union(request, {"principal": {"id": "al"}})
}

test_who_sees_every_change_searches_them_all if {
	every action in {"lockkeeper:ReadStatusChange", "lockkeeper:SearchStatusChanges"} {
		every role in {"admin", "auditor", "oncall", "viewer"} {
			codes(reads.allow) == {concat("-", [role, "may-look"])} with input as {"action": action}
				with data.lockkeeper.request.roles as {role}
		}
	}
}

test_others_search_their_own_changes_only if {
	search := {
		"action": "lockkeeper:SearchStatusChanges",
		"principal": {"id": "jo", "issuer": "idp", "kind": "bot", "userName": "Bob"},
	}
	narrowed := object.union(search, {"search": {"requestedBy": {"id": "jo", "issuer": "idp"}}})
	codes(reads.allow) == {"requester-may-look"} with input as narrowed
	every wider in [
		{},
		{"search": {}},
		{"search": {"requestedBy": {"id": "al", "issuer": "idp"}}},
		{"search": {"requestedBy": {"id": "jo", "issuer": "other"}}},
		{"change": {"requestedBy": {"id": "jo", "issuer": "idp"}}},
		{"credential": {"userName": "Bob"}},
	] {
		codes(reads.allow) == set() with input as object.union(search, wider)
		codes(reads.missing) == {"search-own-only"} with input as object.union(search, wider)
	}
}

test_a_search_says_nothing_of_a_change if {
	request := {
		"action": "lockkeeper:ReadStatusChange",
		"principal": {"id": "jo", "issuer": "idp"},
		"search": {"requestedBy": {"id": "jo", "issuer": "idp"}},
	}
	codes(reads.allow) == set() with input as request
	codes(reads.missing) == set() with input as request
}

test_the_log_is_for_admins_and_auditors if {
	every role in {"admin", "auditor"} {
		codes(reads.allow) == {concat("-", [role, "may-look"])} with input as {"action": "lockkeeper:ReadAudit"}
			with data.lockkeeper.request.roles as {role}
	}
	every role in {"chatops", "oncall", "ticketing", "viewer"} {
		codes(reads.allow) == set() with input as {"action": "lockkeeper:ReadAudit"}
			with data.lockkeeper.request.roles as {role}
	}
}

test_an_auditor_looks_at_no_credentials if {
	every action in reads.look_ups {
		codes(reads.allow) == set() with input as {"action": action}
			with data.lockkeeper.request.roles as {"auditor"}
	}
}

test_roles_do_not_allow_changes_here if {
	codes(reads.allow) == set() with input as {"action": "iam:UpdateAccessKey"}
		with data.lockkeeper.request.roles as {"admin"}
}
