# METADATA
# title: The decision
# description: |
#   One answer to one request. Deny overrides; what nothing allows is not permitted. Every reason has a stable code for
#   programs and a sentence for people.
# scope: subpackages
# schemas:
#   - input: schema.input
#   - data.site: schema.site
package lockkeeper

import data.lockkeeper.changes
import data.lockkeeper.reads
import data.lockkeeper.request
import rego.v1

default decision := {
	"allow": false,
	"reasons": [{"code": "not-permitted", "message": "Nothing allows this principal to do this."}],
	"obligations": [],
	"needs": [],
}

# METADATA
# title: Entrypoint
# description: |
#   What is refused outright comes first, then what has to be known first, then what is allowed, then what is missing to
#   be allowed.
# entrypoint: true
decision := answer(false, deny) if {
	count(deny) > 0
} else := {
	"allow": false,
	"reasons": [{"code": "facts-needed", "message": "What this depends on has to be looked up first."}],
	"obligations": [],
	"needs": sort(needs),
} if {
	count(allow) > 0
	not all_known
} else := answer(true, allow) if {
	count(allow) > 0
} else := answer(false, missing) if {
	count(missing) > 0
}

# Sorted by their codes, so that the same request always gets the same answer.
answer(allowed, reasons) := {
	"allow": allowed,
	"reasons": sort(reasons),
	"obligations": [],
	"needs": [],
}

allow := changes.allow | reads.allow

missing := changes.missing | reads.missing

# What is asked for and could not be had is null in the facts: that is an answer, too.
all_known if {
	every need in changes.needs {
		need in known
	}
}

needs := changes.needs - known

default known := set()

known := object.keys(input.facts)

deny contains reason if some reason in changes.deny

deny contains {
	"code": "site-data-missing",
	"message": "The site's data is not loaded, so it is not known who may do what.",
} if {
	not data.site.protectedUsers
}

deny contains {
	"code": "principal-suspended",
	"message": "This principal is suspended.",
} if {
	data.site.suspended.principals[request.principal_key]
}

# onBehalfOf is the caller's word, so it never opens anything: it only closes.
deny contains {
	"code": "on-behalf-of-suspended",
	"message": "The person on whose behalf this is asked is suspended.",
} if {
	data.site.suspended.people[request.on_behalf_of]
}
