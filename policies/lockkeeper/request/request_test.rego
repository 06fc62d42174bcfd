package lockkeeper.request_test

import data.lockkeeper.request
import rego.v1

test_roles_by_principal_and_by_group_add_up if {
	roles := request.roles with input as {"principal": {"id": "jo", "issuer": "idp", "groups": ["idp#sre", "idp#other"]}}
		with data.site.roles as {"principals": {"idp jo": ["viewer"]}, "groups": {"idp#sre": ["oncall"]}}
	roles == {"oncall", "viewer"}
}

test_names_compare_without_case if {
	request.own with input as {"principal": {"kind": "human", "userName": "BOB"}, "credential": {"userName": "bob"}}
}

test_who_has_no_user_owns_nothing if {
	person := {"kind": "human"}
	not request.own with input as {"principal": person, "credential": {"userName": "bob"}}
	not request.own with input as {"principal": object.union(person, {"userName": "bob"}), "credential": {}}
	not request.own with input as {"principal": person, "credential": {}}
}

test_only_people_own_anything if {
	credential := {"userName": "bob"}
	every kind in ["bot", "service", "Human", true, null] {
		not request.own with input as {"principal": {"kind": kind, "userName": "bob"}, "credential": credential}
	}
	not request.own with input as {"principal": {"userName": "bob"}, "credential": credential}
}

test_names_of_other_types_are_none if {
	not request.user with input as {"credential": {"userName": 5}}
	not request.own with input as {"principal": {"kind": "human", "userName": 5}, "credential": {"userName": 5}}
	not request.on_behalf_of with input as {"onBehalfOf": {"id": ["sofia"]}}
}

test_the_empty_name_is_nobodys if {
	not request.own with input as {"principal": {"kind": "human", "userName": ""}, "credential": {"userName": ""}}
}

test_nobody_is_no_person if not request.on_behalf_of with input as {"onBehalfOf": {"id": ""}}

test_well_formed_tickets if {
	every id in ["SEC-123", "AB-1", "ABCDEFGHIJ-1234567890"] {
		request.ticket_well_formed with input as {"change": {"ticket": {"id": id}}}
	}
}

test_malformed_tickets if {
	malformed := [
		"", "-", "SEC", "SEC-", "-123", "SEC-123-4", "sec-123", "SeC-1", "S-1", "ABCDEFGHIJK-1", "SEC-12345678901",
		"SEC-1a2", "SEC 123", "SEC-123 ", 123, null, ["SEC-123"],
	]
	every id in malformed {
		not request.ticket_well_formed with input as {"change": {"ticket": {"id": id}}}
	}
}
