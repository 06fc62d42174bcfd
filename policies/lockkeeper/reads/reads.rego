# METADATA
# title: Looking
# description: |
#   Who may change something may also look up what it needs for that. Viewers may look at everything, people at
#   their own.
package lockkeeper.reads

import data.lockkeeper.request
import rego.v1

roles_that_may := {
	"lockkeeper:ListCredentials": {"admin", "chatops", "oncall", "ticketing", "viewer"},
	"lockkeeper:FindAccessKeyOwner": {"admin", "chatops", "oncall", "ticketing", "viewer"},
	"lockkeeper:ReadStatusChange": {"admin", "oncall", "viewer"},
}

allow contains {
	"code": concat("-", [role, "may-look"]),
	"message": concat(" ", ["The role", role, "may look at this."]),
} if {
	some role in request.roles
	role in roles_that_may[input.action]
}

allow contains {
	"code": "owner-may-look",
	"message": "People may look at their own credentials.",
} if {
	input.action in {"lockkeeper:ListCredentials", "lockkeeper:ReadStatusChange"}
	request.own
}

allow contains {
	"code": "requester-may-look",
	"message": "Who asked for a change may see what became of it.",
} if {
	input.action == "lockkeeper:ReadStatusChange"
	input.change.requestedBy.issuer == input.principal.issuer
	input.change.requestedBy.id == input.principal.id
}
