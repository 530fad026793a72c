// Package release makes what people download: for each platform an archive with the binary, the licenses of all that is in it and a list of its parts (SBOM), and one file
// with the checksums. The same commit makes the same bytes, whoever builds it, wherever and whenever.
//
//	release.go   Build: one platform after the other
//	archive.go   archives without anything of the machine in them
//	parts.go     what is linked into a binary, as a CycloneDX document and with its licenses
//	build/       the command that make release runs
//
// It is no part of the binary.
package release
