# Every managed bucket carries a label that names its owner, such as `owner:radio`.
# What is missing is denied, too: in Rego a rule about an absent key is undefined, and an undefined rule denies nothing.
package main

import rego.v1

deny contains message if {
	some bucket in input.planned_values.root_module.resources
	not has_owner(bucket)
	message := sprintf("%s has no label that begins with owner:", [name_of(bucket)])
}

has_owner(bucket) if {
	some label in bucket.values.labels
	is_string(label)
	startswith(label, "owner:")
}

deny contains "this is not a complete plan of acrsync, so its buckets are unknown" if not is_list_of_buckets

is_list_of_buckets if {
	input.complete == true
	is_array(input.planned_values.root_module.resources)
}

name_of(bucket) := bucket.address if {
	is_string(bucket.address)
} else := "a bucket without an address"
