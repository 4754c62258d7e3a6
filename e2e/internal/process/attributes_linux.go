package process

import "syscall"

// attributes has the kernel end the program when the test is killed and can no longer do so.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
