package lifecycletest

import "github.com/wirespan/wirespan/lifecycle"

// Check runs the rules of the contract with this name.
func Check(rule string, c lifecycle.Collector) error {
	for _, r := range rules {
		if r.name == rule {
			return r.check(c)
		}
	}
	panic("no rule " + rule)
}
