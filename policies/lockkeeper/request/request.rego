# METADATA
# title: What the rules ask of a request
# description: |
#   Types are checked before anything is compared, because Rego orders values of different types. IAM user names are
#   unique without regard to case, so they are lower-cased here once, as are the keys in the site's data.
package lockkeeper.request

import rego.v1

# METADATA
# description: The principal as a key of the site's data, with a blank between its issuer and its id.
principal_key := concat(" ", [input.principal.issuer, input.principal.id])

# METADATA
# description: Roles come from the site's data only, by principal or by group; never from a token.
roles contains role if some role in data.site.roles.principals[principal_key]

roles contains role if {
	some group in input.principal.groups
	some role in data.site.roles.groups[group]
}

# METADATA
# description: The IAM user to whom the credential belongs.
user := lower(input.credential.userName) if {
	is_string(input.credential.userName)
	input.credential.userName != ""
}

# METADATA
# description: |
#   The credential belongs to the principal itself, which is a person. A bot or an integration owns nothing by the IAM
#   user that it has: what it may do, its roles say.
own if {
	input.principal.kind == "human"
	is_string(input.principal.userName)
	lower(input.principal.userName) == user
}

# METADATA
# description: The person for whom the principal says that it acts.
on_behalf_of := lower(input.onBehalfOf.id) if {
	is_string(input.onBehalfOf.id)
	input.onBehalfOf.id != ""
}

# METADATA
# description: |
#   The ticket's id looks like SEC-123. Nobody has looked the ticket up. Without a regular expression, because in
#   WebAssembly each evaluation would compile it anew, which takes longer than all the rest of the decision.
ticket_well_formed if {
	is_string(input.change.ticket.id)
	[project, number] := split(input.change.ticket.id, "-")
	count(project) >= 2
	count(project) <= 10
	trim(project, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
	count(number) >= 1
	count(number) <= 10
	trim(number, "0123456789") == ""
}
