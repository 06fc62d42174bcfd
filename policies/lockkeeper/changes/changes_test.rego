package lockkeeper.changes_test

import data.lockkeeper.changes
import rego.v1

# At nine in the morning, unless more is said.
asked(status, more) := object.union(
	{
		"action": "iam:UpdateAccessKey",
		"credential": {"userName": "Bob"},
		"change": {"status": status},
		"context": {"time": {"hour": 9}},
	},
	more,
)

ticket(id) := {"change": {"ticket": {"id": id, "verified": false}}}

codes(reasons) := {reason.code | some reason in reasons}

by_bob := {"principal": {"kind": "human", "userName": "bob"}}

for_sofia := {"onBehalfOf": {"id": "sofia"}}

test_every_role_switches_off if {
	codes(changes.allow) == {"oncall-switch-off"} with input as asked("Inactive", {})
		with data.lockkeeper.request.roles as {"oncall"}
	codes(changes.allow) == {"admin-switch-off"} with input as asked("Inactive", {})
		with data.lockkeeper.request.roles as {"admin"}
	codes(changes.allow) == {"ticketing-switch-off"} with input as asked("Inactive", ticket("SEC-1"))
		with data.lockkeeper.request.roles as {"ticketing"}
	codes(changes.allow) == {"chatops-switch-off"} with input as asked("Inactive", for_sofia)
		with data.lockkeeper.request.roles as {"chatops"}
	codes(changes.allow) == {"owner-switch-off"} with input as asked("Inactive", by_bob)
}

test_some_roles_switch_on_with_a_ticket if {
	every role in {"admin", "oncall", "ticketing"} {
		codes(changes.allow) == {concat("-", [role, "switch-on"])} with input as asked("Active", ticket("SEC-1"))
			with data.lockkeeper.request.roles as {role}
		codes(changes.allow) == set() with input as asked("Active", {})
			with data.lockkeeper.request.roles as {role}
		codes(changes.missing) == {"ticket-required"} with input as asked("Active", {})
			with data.lockkeeper.request.roles as {role}
		codes(changes.missing) == {"ticket-malformed"} with input as asked("Active", ticket("soon"))
			with data.lockkeeper.request.roles as {role}
	}
}

test_a_viewer_changes_nothing if {
	every status in {"Active", "Inactive"} {
		codes(changes.allow) == set() with input as asked(status, ticket("SEC-1"))
			with data.lockkeeper.request.roles as {"viewer"}
		codes(changes.missing) == set() with input as asked(status, ticket("SEC-1"))
			with data.lockkeeper.request.roles as {"viewer"}
	}
}

test_what_a_chat_bot_misses if {
	codes(changes.missing) == {"on-behalf-of-required"} with input as asked("Inactive", {})
		with data.lockkeeper.request.roles as {"chatops"}
	codes(changes.missing) == {"chatops-switch-on"} with input as asked("Active", for_sofia)
		with data.lockkeeper.request.roles as {"chatops"}
}

test_what_the_ticket_system_misses if {
	codes(changes.missing) == {"ticket-required"} with input as asked("Inactive", {})
		with data.lockkeeper.request.roles as {"ticketing"}
}

test_what_an_owner_misses if {
	codes(changes.missing) == {"owner-switch-on"} with input as asked("Active", by_bob)
}

test_a_bot_with_a_users_name_is_no_owner if {
	every kind in {"bot", "service"} {
		asked_by := asked("Inactive", {"principal": {"kind": kind, "userName": "bob"}})
		codes(changes.allow) == set() with input as asked_by
			with data.lockkeeper.request.roles as {"chatops"}
		codes(changes.missing) == {"on-behalf-of-required"} with input as asked_by
			with data.lockkeeper.request.roles as {"chatops"}
	}
}

test_protected_from_all_but_admins if {
	codes(changes.deny) == {"protected-user"} with input as asked("Inactive", {})
		with data.lockkeeper.request.roles as {"oncall"}
		with data.site.protectedUsers as {"bob": "test"}
	codes(changes.deny) == set() with input as asked("Inactive", {})
		with data.lockkeeper.request.roles as {"admin"}
		with data.site.protectedUsers as {"bob": "test"}
}

test_nobody_touches_the_gateways_own_user if {
	codes(changes.deny) == {"gateway-own-user"} with input as asked("Inactive", {})
		with data.lockkeeper.request.roles as {"admin"}
		with data.site.gatewayUsers as {"bob": "test"}
}

facts(more) := {"facts": more}

test_users_are_protected_by_their_tags if {
	every tags in [{"tier": "0"}, {"Tier": "0"}, {"team": "web", "TIER": "0"}] {
		asked_of := asked("Inactive", facts({"user": {"tags": tags}}))
		codes(changes.deny) == {"protected-tag"} with input as asked_of
			with data.lockkeeper.request.roles as {"oncall"}
			with data.lockkeeper.request.ticket_well_formed as true
		codes(changes.deny) == set() with input as asked_of
			with data.lockkeeper.request.roles as {"admin"}
			with data.lockkeeper.request.ticket_well_formed as true
	}
	every tags in [{}, {"tier": "1"}, {"tiers": "0"}, {"tier": ""}] {
		codes(changes.deny) == set() with input as asked("Active", facts({"user": {"tags": tags}}))
			with data.lockkeeper.request.roles as {"oncall"}
	}
}

test_a_site_names_its_own_tags if {
	tagged := asked("Active", facts({"user": {"tags": {"Env": "prod", "tier": "0"}}}))
	codes(changes.deny) == {"protected-tag"} with input as tagged
		with data.lockkeeper.request.roles as {"oncall"}
		with data.site.protectedTags as {"env": ["prod", "dr"]}
	codes(changes.deny) == set() with input as tagged
		with data.lockkeeper.request.roles as {"oncall"}
		with data.site.protectedTags as {"env": ["dr"]}
	changes.needs == set() with input as tagged
		with data.lockkeeper.request.roles as {"oncall"}
		with data.site.protectedTags as {}
}

test_a_user_who_cannot_be_looked_up_may_be_a_protected_one if {
	every why in ["unavailable", "refused", "too-large"] {
		unknown := facts({"user": null, "unavailable": {"user": why}})
		codes(changes.deny) == {"protected-tag-not-known"} with input as asked("Active", unknown)
			with data.lockkeeper.request.roles as {"oncall"}
		codes(changes.deny) == set() with input as asked("Active", unknown)
			with data.lockkeeper.request.roles as {"admin"}
	}

	codes(changes.deny) == {"protected-tag-not-known"} with input as asked("Active", facts({"user": null}))
		with data.lockkeeper.request.roles as {"oncall"}

	# Whoever does not exist is not protected: IAM says so when it is asked.
	gone := facts({"user": null, "unavailable": {"user": "not-found"}})
	codes(changes.deny) == set() with input as asked("Active", gone)
		with data.lockkeeper.request.roles as {"oncall"}
}

test_the_last_active_access_key_needs_a_ticket if {
	last := [[], [{"status": "Inactive"}], [{"status": "Expired"}, {"status": "Unknown"}]]
	every siblings in last {
		every role in {"admin", "oncall"} {
			codes(changes.deny) == {"last-active-access-key"} with input as asked("Inactive", facts({"siblings": siblings}))
				with data.lockkeeper.request.roles as {role}
			with_ticket := object.union(ticket("SEC-1"), {"facts": {"siblings": siblings}})
			codes(changes.deny) == set() with input as asked("Inactive", with_ticket)
				with data.lockkeeper.request.roles as {role}
		}
	}
	codes(changes.deny) == set() with input as asked("Inactive", facts({"siblings": [{"status": "Inactive"}, {"status": "Active"}]}))
		with data.lockkeeper.request.roles as {"oncall"}
}

test_siblings_that_cannot_be_looked_up_may_all_be_inactive if {
	unknown := facts({"siblings": null, "unavailable": {"siblings": "unavailable"}})
	codes(changes.deny) == {"last-active-access-key-not-known"} with input as asked("Inactive", unknown)
		with data.lockkeeper.request.roles as {"oncall"}
	gone := facts({"siblings": null, "unavailable": {"siblings": "not-found"}})
	codes(changes.deny) == set() with input as asked("Inactive", gone)
		with data.lockkeeper.request.roles as {"oncall"}
}

test_only_what_matters_is_looked_up if {
	changes.needs == {"siblings", "user"} with input as asked("Inactive", {})
		with data.lockkeeper.request.roles as {"oncall"}
	changes.needs == {"siblings"} with input as asked("Inactive", {})
		with data.lockkeeper.request.roles as {"admin"}
	changes.needs == {"user"} with input as asked("Inactive", ticket("SEC-1"))
		with data.lockkeeper.request.roles as {"oncall"}
	changes.needs == {"user"} with input as asked("Inactive", {"action": "iam:UpdateSigningCertificate"})
		with data.lockkeeper.request.roles as {"oncall"}
	changes.needs == set() with input as asked("Active", ticket("SEC-1"))
		with data.lockkeeper.request.roles as {"admin"}
}

test_other_actions_and_statuses_are_no_changes if {
	every status in ["Expired", "inactive", true, null] {
		codes(changes.allow) == set() with input as asked(status, ticket("SEC-1"))
			with data.lockkeeper.request.roles as {"oncall"}
	}
	codes(changes.allow) == set() with input as asked("Inactive", {"action": "iam:DeleteAccessKey"})
		with data.lockkeeper.request.roles as {"oncall"}
}

test_a_change_of_nobodys_credential_is_none if {
	codes(changes.allow) == set() with input as {"action": "iam:UpdateAccessKey", "change": {"status": "Inactive"}}
		with data.lockkeeper.request.roles as {"oncall"}
}
