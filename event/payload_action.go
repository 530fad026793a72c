package event

import "github.com/herald-events/herald/wire"

// UserActionEvent is user.action.
type UserActionEvent struct {
	Header
	// Action is the name of the action, and ActionID the id of this instance of it in the user's history.
	Action   string  `json:"action"`
	ActionID wire.ID `json:"actionId"`
	// ActioneeUserID is the user it is applied to.
	ActioneeUserID wire.ID `json:"actioneeUserId"`
	// ActionerUserID is the user who applied it. Empty when the server did by itself.
	ActionerUserID wire.ID `json:"actionerUserId,omitzero"`
	// ApplicationIDs are the applications it is limited to. Empty means all.
	ApplicationIDs []wire.ID `json:"applicationIds,omitzero"`
	Comment        string    `json:"comment,omitzero"`
	// Email is the message that was rendered for the user. Nil unless the action is configured to put it here.
	Email *wire.Email `json:"email,omitzero"`
	// EmailedUser tells that the server has already mailed the user.
	EmailedUser bool `json:"emailedUser"`
	// NotifyUser asks the receiver to tell the user. The server does nothing with it.
	NotifyUser bool `json:"notifyUser"`
	// Expiry is when the action ends. Zero when it does not last for a time.
	Expiry wire.Instant `json:"expiry,omitzero"`
	// Phase is where an action that lasts for a time stands.
	Phase Phase `json:"phase,omitzero"`
	// Option and Reason were chosen when the action was taken, and ReasonCode stands for Reason in programs.
	Option     string `json:"option,omitzero"`
	Reason     string `json:"reason,omitzero"`
	ReasonCode string `json:"reasonCode,omitzero"`
	// The localized members are texts in the language of the user.
	LocalizedAction   string `json:"localizedAction,omitzero"`
	LocalizedDuration string `json:"localizedDuration,omitzero"`
	LocalizedOption   string `json:"localizedOption,omitzero"`
	LocalizedReason   string `json:"localizedReason,omitzero"`
}

// Phase is where an action stands.
type Phase string

// The phases. After PhaseCancel there is no PhaseEnd.
const (
	PhaseStart  Phase = "start"
	PhaseModify Phase = "modify"
	PhaseCancel Phase = "cancel"
	PhaseEnd    Phase = "end"
)
