# METADATA
# title: Looking
# description: |
#   Who may change something may also look up what it needs for that. Viewers may look at everything except the audit
#   log, auditors at the log and at what became of changes, people at their own. A search is allowed as a whole or not
#   at all: whoever may not see every change names their own, so that nothing they must not see can be found in it.
package lockkeeper.reads

import data.lockkeeper.request
import rego.v1

# What shows what one user has: Lockkeeper's own listing, and IAM's reads as its clients ask for them
reads_of_a_user := {
	"iam:GetUser",
	"iam:ListAccessKeys",
	"iam:ListSSHPublicKeys",
	"iam:ListServiceSpecificCredentials",
	"iam:ListSigningCertificates",
	"lockkeeper:ListCredentials",
}

look_ups := reads_of_a_user | {"iam:GetAccessKeyLastUsed", "iam:ListUsers", "lockkeeper:FindAccessKeyOwner"}

roles_that_may(action) := {"admin", "chatops", "oncall", "ticketing", "viewer"} if action in look_ups

roles_that_may(action) := roles_that_may_see[action]

roles_that_may_see := {
	"lockkeeper:ReadAudit": {"admin", "auditor"},
	"lockkeeper:ReadStatusChange": {"admin", "auditor", "oncall", "viewer"},
	"lockkeeper:SearchStatusChanges": {"admin", "auditor", "oncall", "viewer"},
}

# METADATA
# custom:
#   codes: [admin-may-look, auditor-may-look, chatops-may-look, oncall-may-look, ticketing-may-look, viewer-may-look]
allow contains {
	"code": concat("-", [role, "may-look"]),
	"message": concat(" ", ["The role", role, "may look at this."]),
} if {
	some role in request.roles
	role in roles_that_may(input.action)
}

allow contains {
	"code": "owner-may-look",
	"message": "People may look at their own credentials.",
} if {
	input.action in (reads_of_a_user | {"lockkeeper:ReadStatusChange", "lockkeeper:SearchStatusChanges"})
	request.own
}

allow contains {
	"code": "requester-may-look",
	"message": "Who asked for a change may see what became of it.",
} if {
	requested_by.issuer == input.principal.issuer
	requested_by.id == input.principal.id
}

# The change's requester, or the only one whose changes are searched.
requested_by := input.change.requestedBy if input.action == "lockkeeper:ReadStatusChange"

requested_by := input.search.requestedBy if input.action == "lockkeeper:SearchStatusChanges"

# What would have made the difference

missing contains {
	"code": "search-own-only",
	"message": "You may search your own changes only: name yourself as principal and principalIssuer, or your own IAM user as user.",
} if {
	input.action == "lockkeeper:SearchStatusChanges"
}
