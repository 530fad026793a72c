//go:build !unix

package dbtest

func startCluster() (*server, error) { return nil, ErrNoPostgreSQL }
