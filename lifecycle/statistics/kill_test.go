package statistics_test

// childEnv makes the test binary the child of a test that kills it; its value is the path of the file to count in.
const childEnv = "STATISTICS_CHILD"

func child(string) {}
