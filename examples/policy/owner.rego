# Every managed bucket carries a label that names its owner, such as `owner:radio`.
package main

import rego.v1

deny contains message if {
	some bucket in input.planned_values.root_module.resources
	not has_owner(bucket.values.labels)
	message := sprintf("%s has no label that begins with owner:", [bucket.address])
}

has_owner(labels) if {
	some label in labels
	startswith(label, "owner:")
}
