package twofactor

import "strings"

// readable leaves out what people mistake for something else.
const readable = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

// typed is a code as somebody typed it, without the blanks that apps show in the middle.
func typed(code string) string { return strings.ReplaceAll(strings.TrimSpace(code), " ", "") }

// maxCode bounds what is looked at as a code, in bytes.
const maxCode = 255
