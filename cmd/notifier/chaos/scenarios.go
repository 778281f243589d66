package main

import "slices"

// scenarios are all there are, in the order of the table.
func scenarios() []*scenario {
	return slices.Concat(daemonScenarios, linkScenarios, serverScenarios, clinicScenarios, screenScenarios, clockScenarios, queueScenarios)
}
