# METADATA
# title: What would be needed
# description: |
#   Asked for what-ifs only, never in the way of a change: what would have to be added to a request that is denied, so
#   that the same rules allow it. No rule is repeated here: each candidate is put before the decision, and the smallest
#   ones that help are told. Against a suspension, or for the gateway's own user, none does.
package lockkeeper.remedies

import data.lockkeeper
import data.lockkeeper.changes
import data.lockkeeper.request
import rego.v1

# METADATA
# title: Entrypoint
# description: |
#   Each remedy names all that it takes. It is certain unless the decision would first ask for facts that have not been
#   looked up.
# entrypoint: true
answer contains {
	"needs": needs,
	"certain": is_certain,
	"message": concat(" ", ["With", concat(" and ", [phrase(need) | some need in needs]), ending[is_certain]]),
} if {
	some added in smallest
	needs := array.concat([role | some role in added; role.role], [need | some need in [ticket, person]; need in added])
	is_certain := added in certain
}

ending := {
	true: "this would be allowed.",
	false: "this may be allowed: that depends on facts that have not been looked up.",
}

phrase(need) := concat(" ", ["the role", need.role])

phrase(need) := "a ticket such as SEC-123" if need == ticket

phrase(need) := "the person on whose behalf it is asked (onBehalfOf)" if need == person

ticket := {"kind": "ticket"}

person := {"kind": "on-behalf-of"}

# What is certain is not left out for something smaller that is not.
smallest contains added if {
	some added in certain
	every other in certain {
		not is_part(other, added)
	}
}

smallest contains added if {
	some added in uncertain
	every other in certain | uncertain {
		not is_part(other, added)
	}
}

is_part(part, whole) if {
	part != whole
	count(part - whole) == 0
}

certain contains added if {
	some added, decision in decision_with
	decision.allow
}

uncertain contains added if {
	some added, decision in decision_with
	not decision.allow
	count(decision.needs) > 0
}

decision_with[added] := decision if {
	some added in candidates
	changed := object.union(object.union(input, extra[ticket in added].ticket), extra[person in added].person)
	roles := request.roles | {need.role | some need in added}
	decision := lockkeeper.decision with input as changed with data.lockkeeper.request.roles as roles
}

extra := {
	true: {
		"ticket": {"change": {"ticket": {"id": "SEC-123", "verified": false}}},
		"person": {"onBehalfOf": {"id": "somebody"}},
	},
	false: {"ticket": {}, "person": {}},
}

# What can be added: at most one role, and what the request itself lacks

candidates contains added if {
	some role in ({set()} | {{{"kind": "role", "role": name}} | some name in (roles_for_kind - request.roles)})
	some given in {set(), {ticket}, {person}, {ticket, person}}
	count(given - lacking) == 0
	added := role | given
	count(added) > 0
}

lacking contains ticket if {
	input.action in changes.actions
	not request.ticket_well_formed
}

# Whoever has named a person is not told to name another one.
lacking contains person if {
	input.action in changes.actions
	not input.onBehalfOf
}

# People are not told to become an integration.
roles_for_kind := {"admin", "auditor", "oncall", "viewer"} if {
	input.principal.kind == "human"
} else := {"admin", "auditor", "chatops", "oncall", "ticketing", "viewer"}
