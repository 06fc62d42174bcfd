# METADATA
# title: The decision
# description: |
#   One answer to one request. Deny overrides; what nothing allows is not permitted. Every reason has a stable code; its
#   sentence for people is in package lockkeeper.reasons.
# scope: subpackages
# schemas:
#   - input: schema.input
#   - data.site: schema.site
package lockkeeper

import data.lockkeeper.changes
import data.lockkeeper.reads
import data.lockkeeper.reasons
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
# description: What is refused outright comes first, then what is allowed, then what is missing to be allowed.
# entrypoint: true
decision := answer(false, deny) if {
	count(deny) > 0
} else := answer(true, allow) if {
	count(allow) > 0
} else := answer(false, missing) if {
	count(missing) > 0
}

answer(allowed, codes) := {
	"allow": allowed,
	"reasons": reasons.explain(codes),
	"obligations": [],
	"needs": [],
}

allow := changes.allow | reads.allow

missing := changes.missing

deny contains code if some code in changes.deny

deny contains "site-data-missing" if not data.site.protectedUsers

deny contains "principal-suspended" if data.site.suspended.principals[request.principal_key]

# onBehalfOf is the caller's word, so it never opens anything: it only closes.
deny contains "on-behalf-of-suspended" if data.site.suspended.people[request.on_behalf_of]
