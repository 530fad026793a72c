//go:build !unix

package cli

import (
	"errors"
	"os"
)

// lock fails: without locks nobody could tell a running server from one that is gone, so none is announced.
func lock(*os.File) error { return errors.ErrUnsupported }

func locked(*os.File) bool { return false }

func ours(*os.File) bool { return false }
