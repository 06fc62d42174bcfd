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

switch_off if {
	input.action in actions
	input.change.status == "Inactive"
	request.user
}

switch_on if {
	input.action in actions
	input.change.status == "Active"
	request.user
}

# Who may do what

allow contains "oncall-switch-off" if {
	switch_off
	"oncall" in request.roles
}

allow contains "oncall-switch-on" if {
	switch_on
	"oncall" in request.roles
	request.ticket_well_formed
}

allow contains "admin-switch-off" if {
	switch_off
	"admin" in request.roles
}

allow contains "admin-switch-on" if {
	switch_on
	"admin" in request.roles
	request.ticket_well_formed
}

allow contains "ticketing-switch-off" if {
	switch_off
	"ticketing" in request.roles
	request.ticket_well_formed
}

allow contains "ticketing-switch-on" if {
	switch_on
	"ticketing" in request.roles
	request.ticket_well_formed
}

allow contains "chatops-switch-off" if {
	switch_off
	"chatops" in request.roles
	request.on_behalf_of
}

allow contains "owner-switch-off" if {
	switch_off
	request.own
}

# What nobody may do, or only an admin

deny contains "gateway-own-user" if {
	input.action in actions
	data.site.gatewayUsers[request.user]
}

deny contains "protected-user" if {
	input.action in actions
	data.site.protectedUsers[request.user]
	not "admin" in request.roles
}

# What would have made the difference

missing contains "ticket-required" if {
	ticket_needed
	not input.change.ticket
}

missing contains "ticket-malformed" if {
	ticket_needed
	input.change.ticket
	not request.ticket_well_formed
}

missing contains "on-behalf-of-required" if {
	switch_off
	"chatops" in request.roles
	not request.on_behalf_of
}

missing contains "chatops-switch-on" if {
	switch_on
	"chatops" in request.roles
}

missing contains "owner-switch-on" if {
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
