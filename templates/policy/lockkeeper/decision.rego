# METADATA
# title: The decision
# description: |
#   A denial takes precedence over every grant; what nothing allows is not permitted; what is missing is told when there
#   is neither. Every reason has a stable code for programs and a sentence for people.
# scope: subpackages
# schemas:
#   - input: schema.input
#   - data.site: schema.site
package lockkeeper

import rego.v1

default decision := {
	"allow": false,
	"reasons": [{"code": "not-permitted", "message": "Nothing allows this principal to do this."}],
	"obligations": [],
	"needs": [],
}

# METADATA
# title: Entrypoint
# entrypoint: true
decision := answer(false, deny) if {
	count(deny) > 0
} else := answer(true, allow) if {
	count(allow) > 0
} else := answer(false, missing) if {
	count(missing) > 0
}

answer(allowed, reasons) := {
	"allow": allowed,
	"reasons": sort(reasons),
	"obligations": [],
	"needs": [],
}

# Who may do what

allow contains {
	"code": "operator-looks",
	"message": "An operator may look at credentials and changes.",
} if {
	operator
	input.action in {"lockkeeper:FindAccessKeyOwner", "lockkeeper:ListCredentials", "lockkeeper:ReadStatusChange"}
}

allow contains {
	"code": "operator-switch-off",
	"message": "An operator may switch a credential off.",
} if {
	operator
	wanted == "Inactive"
}

allow contains {
	"code": "operator-switch-on",
	"message": "An operator may switch a credential on with a ticket.",
} if {
	operator
	wanted == "Active"
	ticket
}

missing contains {
	"code": "ticket-required",
	"message": "Switching on needs a ticket such as SEC-123.",
} if {
	operator
	wanted == "Active"
	not ticket
}

# What nobody may do

deny contains {
	"code": "protected-user",
	"message": "The credentials of this IAM user are not changed.",
} if {
	wanted
	data.site.protectedUsers[lower(input.credential.userName)]
}

# What is asked, and by whom

operator if data.site.operators[concat(" ", [input.principal.issuer, input.principal.id])]

wanted := input.change.status if startswith(input.action, "iam:Update")

ticket if regex.match(`^[A-Z][A-Z0-9]+-[0-9]+$`, input.change.ticket.id)
