# No bucket is deleted or replaced on a Friday (in UTC), to avoid an incident at the weekend.
# What is missing is denied, too: in Rego a rule about an absent key is undefined, and an undefined rule denies nothing.
package main

import rego.v1

deny contains message if {
	time.weekday(time.now_ns()) == "Friday"
	some resource in input.resource_changes
	not keeps(resource)
	message := sprintf("%s would be deleted, and today is Friday", [name_of(resource)])
}

keeps(resource) if {
	is_array(resource.change.actions)
	count(resource.change.actions) > 0
	not "delete" in resource.change.actions
}

deny contains "this is not a complete plan of acrsync, so its deletes are unknown" if not is_list_of_changes

is_list_of_changes if {
	input.complete == true
	is_array(input.resource_changes)
}

name_of(resource) := resource.address if {
	is_string(resource.address)
} else := "a bucket without an address"
