package wire

// MessageType is a way to reach a phone.
type MessageType string

// The ways.
const (
	SMS   MessageType = "SMS"
	Voice MessageType = "Voice"
)
