// Package crashpoint names the instants at which the crash tests kill the real binary. Only a binary built with the tag
// `crashpoint` looks at the names; in every other one a point costs nothing.
package crashpoint
