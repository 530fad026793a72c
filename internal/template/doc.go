// Package template has the texts that people get: message templates for phones and e-mail templates, each in several languages. It owns them as
// objects, chooses the language a person is written to in, and renders. The language of the texts themselves is that of package ftl.
//
//	template.go  what the two kinds share: operations, names, the memory of parsed templates
//	message.go   message templates
//	email.go     e-mail templates
//	text.go      one text: its rules, its rendering, its errors
//	locale.go    which of several languages
//	model.go     what a text may name: the objects of a real message, the sample values of a preview
//	defaults.go  the templates every installation begins with, from the files in defaults
//
// Nothing is assigned here: tenants and applications name the templates they use, and whoever sends a message passes the id on.
package template
