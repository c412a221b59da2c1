# No bucket is deleted or replaced on a Friday: nobody wants to find out on Saturday who needed it.
package main

import rego.v1

deny contains message if {
	time.weekday(time.now_ns()) == "Friday"
	some resource in input.resource_changes
	"delete" in resource.change.actions
	message := sprintf("%s would be deleted, and today is Friday", [resource.address])
}
