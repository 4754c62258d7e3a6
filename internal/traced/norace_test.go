//go:build !race

package traced_test

const raceEnabled = false
