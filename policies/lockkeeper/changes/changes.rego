# METADATA
# title: Status changes
# description: |
#   Switching off is the safe direction and takes a light path; switching on asks for more. A role grants; a denial
#   takes precedence over every grant, whoever has it; what is missing is told when there is neither. What is needed to
#   know of the user beforehand is looked up only for those who would be allowed otherwise.
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

deny contains {
	"code": "protected-tag",
	"message": concat("", ["This IAM user is tagged ", lower(key), "=", value, "; only an admin may change its credentials."]),
} if {
	tags_matter
	some key, value in input.facts.user.tags
	value in protected_tags[lower(key)]
}

deny contains {
	"code": "protected-tag-not-known",
	"message": "It could not be looked up how this IAM user is tagged, so it may be a protected one; ask an admin.",
} if {
	tags_matter
	input.facts.user == null
	not input.facts.unavailable.user == "not-found"
}

deny contains {
	"code": "last-active-access-key",
	"message": "No other access key of this user is known to be active, so switching this one off needs a ticket such as SEC-123.",
} if {
	siblings_matter
	is_array(input.facts.siblings)
	not another_is_active
}

deny contains {
	"code": "last-active-access-key-not-known",
	"message": "It could not be looked up whether this user has another active access key, so switching this one off needs a ticket such as SEC-123.",
} if {
	siblings_matter
	input.facts.siblings == null
	not input.facts.unavailable.siblings == "not-found"
}

# What has to be known for that

needs contains "user" if tags_matter

needs contains "siblings" if siblings_matter

tags_matter if {
	asked_for
	count(protected_tags) > 0
	not "admin" in request.roles
}

# IAM compares keys of a user's tags without case; here they are written in lower case.
default protected_tags := {"tier": ["0"]}

protected_tags := data.site.protectedTags

siblings_matter if {
	switch_off
	input.action == "iam:UpdateAccessKey"
	not request.ticket_well_formed
}

another_is_active if {
	some sibling in input.facts.siblings
	sibling.status == "Active"
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
