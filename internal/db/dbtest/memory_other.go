//go:build unix && !linux

package dbtest

func memoryDir() string { return "" }
