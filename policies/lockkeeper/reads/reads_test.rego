package lockkeeper.reads_test

import data.lockkeeper.reads
import rego.v1

codes(reasons) := {reason.code | some reason in reasons}

test_who_may_change_may_look_it_up if {
	every action in {"lockkeeper:ListCredentials", "lockkeeper:FindAccessKeyOwner"} {
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
	every action in {"lockkeeper:ListCredentials", "lockkeeper:ReadStatusChange"} {
		codes(reads.allow) == {"owner-may-look"} with input as object.union(request, {"action": action})
	}
	codes(reads.allow) == set() with input as object.union(request, {"action": "lockkeeper:FindAccessKeyOwner"})
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

test_roles_do_not_allow_changes_here if {
	codes(reads.allow) == set() with input as {"action": "iam:UpdateAccessKey"}
		with data.lockkeeper.request.roles as {"admin"}
}
