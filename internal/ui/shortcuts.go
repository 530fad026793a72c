package ui

// shortcut is a key, or several one after the other, with the id of the text that says what it does. herald.js and live.js have them.
type shortcut struct {
	Keys []string
	Text string
}

// Shortcuts are the keys that work on every page, and those of some.
func (frame) Shortcuts() []shortcut {
	return []shortcut{
		{[]string{"/"}, "FindAnything"},
		{[]string{"g", "o"}, "Overview"},
		{[]string{"g", "l"}, "WebhookLog"},
		{[]string{"g", "w"}, "Webhooks"},
		{[]string{"g", "m"}, "Messengers"},
		{[]string{"g", "b"}, "Backlog"},
		{[]string{"g", "t"}, "Tenants"},
		{[]string{"g", "u"}, "Users"},
		{[]string{"j", "k"}, "KeysRow"},
		{[]string{"Enter"}, "KeysOpen"},
		{[]string{"Space"}, "KeysPause"},
		{[]string{"?"}, "KeysHelp"},
		{[]string{"Esc"}, "KeysClose"},
	}
}
