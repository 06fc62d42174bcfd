# METADATA
# title: Status changes
# description: |
#   Switching off is the safe direction and takes a light path; switching on asks for more. A role grants; a denial
#   takes precedence over every grant, whoever has it; what is missing is told when there is neither.
package lockkeeper.changes

import data.lockkeeper.request
import rego.v1

actions := {
	"iam:UpdateAccessKey",
	"iam:UpdateSSHPublicKey",
	"iam:UpdateServiceSpecificCredential",
	"iam:UpdateSigningCertificate",
}

# A change of nobody's credential is no change.
asked_for if {
	input.action in actions
	request.user
}

switch_off if {
	asked_for
	input.change.status == "Inactive"
}

switch_on if {
	asked_for
	input.change.status == "Active"
}

# Who may do what

allow contains {
	"code": "oncall-switch-off",
	"message": "On-call may switch a credential off.",
} if {
	switch_off
	"oncall" in request.roles
}

allow contains {
	"code": "oncall-switch-on",
	"message": "On-call may switch a credential on with a ticket.",
} if {
	switch_on
	"oncall" in request.roles
	request.ticket_well_formed
}

allow contains {
	"code": "admin-switch-off",
	"message": "An admin may switch a credential off.",
} if {
	switch_off
	"admin" in request.roles
}

allow contains {
	"code": "admin-switch-on",
	"message": "An admin may switch a credential on with a ticket.",
} if {
	switch_on
	"admin" in request.roles
	request.ticket_well_formed
}

allow contains {
	"code": "ticketing-switch-off",
	"message": "The ticket system may switch a credential off with a ticket.",
} if {
	switch_off
	"ticketing" in request.roles
	request.ticket_well_formed
}

allow contains {
	"code": "ticketing-switch-on",
	"message": "The ticket system may switch a credential on with a ticket.",
} if {
	switch_on
	"ticketing" in request.roles
	request.ticket_well_formed
}

allow contains {
	"code": "chatops-switch-off",
	"message": "A chat bot may switch a credential off on behalf of a person.",
} if {
	switch_off
	"chatops" in request.roles
	request.on_behalf_of
}

allow contains {
	"code": "owner-switch-off",
	"message": "People may switch their own credentials off.",
} if {
	switch_off
	request.own
}

# What nobody may do, or only an admin

deny contains {
	"code": "gateway-own-user",
	"message": "Nobody changes the credentials of the IAM user that Lockkeeper itself works as.",
} if {
	asked_for
	data.site.gatewayUsers[request.user]
}

deny contains {
	"code": "protected-user",
	"message": "This IAM user is protected; only an admin may change its credentials.",
} if {
	asked_for
	data.site.protectedUsers[request.user]
	not "admin" in request.roles
}

# What would have made the difference

missing contains {
	"code": "ticket-required",
	"message": "This needs a ticket such as SEC-123.",
} if {
	ticket_needed
	not input.change.ticket
}

missing contains {
	"code": "ticket-malformed",
	"message": "The ticket must look like SEC-123.",
} if {
	ticket_needed
	input.change.ticket
	not request.ticket_well_formed
}

missing contains {
	"code": "on-behalf-of-required",
	"message": "A chat bot must name the person on whose behalf it switches a credential off (onBehalfOf).",
} if {
	switch_off
	"chatops" in request.roles
	not request.on_behalf_of
}

missing contains {
	"code": "chatops-switch-on",
	"message": "A chat bot may only switch off; ask on-call to switch this credential on.",
} if {
	switch_on
	"chatops" in request.roles
}

missing contains {
	"code": "owner-switch-on",
	"message": "The owner may only switch off; ask on-call to switch this credential on.",
} if {
	switch_on
	request.own
}

ticket_needed if {
	switch_on
	some role in {"admin", "oncall", "ticketing"}
	role in request.roles
}

ticket_needed if {
	switch_off
	"ticketing" in request.roles
}
