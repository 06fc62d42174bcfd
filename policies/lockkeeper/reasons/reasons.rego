# METADATA
# title: Reasons
# description: The sentence for people behind each code. Codes are stable; sentences may be reworded.
package lockkeeper.reasons

import rego.v1

# METADATA
# description: The codes as reasons, in the order of the codes. A code without a sentence stands for itself.
explain(codes) := [{"code": code, "message": object.get(sentences, code, code)} | some code in sort(codes)]

sentences := {
	"admin-may-look": "An admin may look at this.",
	"admin-switch-off": "An admin may switch a credential off.",
	"admin-switch-on": "An admin may switch a credential on with a ticket.",
	"chatops-may-look": "A chat bot may look up whose credential it is, and its status.",
	"chatops-switch-off": "A chat bot may switch a credential off on behalf of a person.",
	"chatops-switch-on": "A chat bot may only switch off; ask on-call to switch this credential on.",
	"gateway-own-user": "Nobody changes the credentials of the IAM user that Lockkeeper itself works as.",
	"on-behalf-of-required": "A chat bot must name the person on whose behalf it switches a credential off (onBehalfOf).",
	"on-behalf-of-suspended": "The person on whose behalf this is asked is suspended.",
	"oncall-may-look": "On-call may look at this.",
	"oncall-switch-off": "On-call may switch a credential off.",
	"oncall-switch-on": "On-call may switch a credential on with a ticket.",
	"owner-may-look": "Everybody may look at their own credentials.",
	"owner-switch-off": "Everybody may switch their own credential off.",
	"owner-switch-on": "The owner may only switch off; ask on-call to switch this credential on.",
	"principal-suspended": "This principal is suspended.",
	"protected-user": "This IAM user is protected; only an admin may change its credentials.",
	"requester-may-look": "Who asked for a change may see what became of it.",
	"site-data-missing": "The site's data is not loaded, so it is not known who may do what.",
	"ticket-malformed": "The ticket must look like SEC-123.",
	"ticket-required": "This needs a ticket such as SEC-123.",
	"ticketing-may-look": "The ticket system may look up whose credential it is, and its status.",
	"ticketing-switch-off": "The ticket system may switch a credential off with a ticket.",
	"ticketing-switch-on": "The ticket system may switch a credential on with a ticket.",
	"viewer-may-look": "A viewer may look at this.",
}
