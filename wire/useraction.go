package wire

// UserAction defines something that can be done to a user: a ban, a warning, a subscription. It belongs to the installation, not to a tenant.
type UserAction struct {
	// ID is given by the path on creation, or chosen at random.
	ID ID `json:"id,omitzero"`
	// Name is required and unique.
	Name string `json:"name,omitzero"`
	// LocalizedNames maps a locale (de, fr_CA) to the name in that language. Always present in a response.
	LocalizedNames Map[string] `json:"localizedNames"`
	// Active is false for one that cannot be taken any more. Set by the server.
	Active bool `json:"active"`
	// Temporal actions last for a time and have an end. Cannot change once the action was taken.
	Temporal bool `json:"temporal"`
	// PreventLogin keeps users from logging in while it lasts. Only with Temporal.
	PreventLogin bool `json:"preventLogin"`
	// SendEndEvent tells webhooks of the end. Nil means true; a response always has it.
	SendEndEvent *bool `json:"sendEndEvent,omitzero"`
	// Options are what can be chosen from when it is taken. Only without Temporal. Always present in a response.
	Options List[UserActionOption] `json:"options"`
	// TransactionType is a rule for the events of this action, beside the one that the tenant has for user.action: the stricter of the two decides.
	// Defaults to None.
	TransactionType TransactionType `json:"transactionType,omitzero"`
	// UserEmailingEnabled allows that users are told by e-mail, with the templates below. A phase without a template has no e-mail.
	UserEmailingEnabled   bool `json:"userEmailingEnabled"`
	StartEmailTemplateID  ID   `json:"startEmailTemplateId,omitzero"`
	ModifyEmailTemplateID ID   `json:"modifyEmailTemplateId,omitzero"`
	CancelEmailTemplateID ID   `json:"cancelEmailTemplateId,omitzero"`
	EndEmailTemplateID    ID   `json:"endEmailTemplateId,omitzero"`
	// IncludeEmailInEventJSON puts the e-mail into the event.
	IncludeEmailInEventJSON bool `json:"includeEmailInEventJSON"`
	// UserNotificationsEnabled allows that receivers of the event are asked to notify the user.
	UserNotificationsEnabled bool `json:"userNotificationsEnabled"`
	// InsertInstant is when the action was created. Set by the server.
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// LastUpdateInstant is when it was last changed. Set by the server.
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// UserActionOption is one choice.
type UserActionOption struct {
	// Name is required and unique within the action.
	Name string `json:"name,omitzero"`
	// LocalizedNames maps a locale to the name in that language. Always present in a response.
	LocalizedNames Map[string] `json:"localizedNames"`
}

// UserActionRequest creates, replaces or patches a user action.
type UserActionRequest struct {
	UserAction UserAction `json:"userAction"`
}

// UserActionResponse has one user action.
type UserActionResponse struct {
	UserAction *UserAction `json:"userAction,omitzero"`
}

// UserActionsResponse has all user actions that are active, or all that are not.
type UserActionsResponse struct {
	UserActions List[UserAction] `json:"userActions"`
}

// UserActionReason is why an action can be taken.
type UserActionReason struct {
	// ID is given by the path on creation, or chosen at random.
	ID ID `json:"id,omitzero"`
	// Code is for programs. Required and unique.
	Code string `json:"code,omitzero"`
	// Text is for people. Required and unique.
	Text string `json:"text,omitzero"`
	// LocalizedTexts maps a locale to the text in that language. Always present in a response.
	LocalizedTexts Map[string] `json:"localizedTexts"`
	// InsertInstant is when the reason was created. Set by the server.
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// LastUpdateInstant is when it was last changed. Set by the server.
	LastUpdateInstant Instant `json:"lastUpdateInstant,omitzero"`
}

// UserActionReasonRequest creates, replaces or patches a reason.
type UserActionReasonRequest struct {
	UserActionReason UserActionReason `json:"userActionReason"`
}

// UserActionReasonResponse has one reason.
type UserActionReasonResponse struct {
	UserActionReason *UserActionReason `json:"userActionReason,omitzero"`
}

// UserActionReasonsResponse has all reasons.
type UserActionReasonsResponse struct {
	UserActionReasons List[UserActionReason] `json:"userActionReasons"`
}

// Forever is the expiry of an action that does not end by itself.
const Forever Instant = 9223372036854775807

// UserActionLog is an action that was taken on a user. Names and texts are those of the time when it was taken.
type UserActionLog struct {
	ID           ID `json:"id,omitzero"`
	UserActionID ID `json:"userActionId,omitzero"`
	// ActioneeUserID is the user it was taken on, ActionerUserID who took it. The latter is empty when the server did by itself.
	ActioneeUserID ID `json:"actioneeUserId,omitzero"`
	ActionerUserID ID `json:"actionerUserId,omitzero"`
	// ApplicationIDs are the applications it is limited to. Nil means all.
	ApplicationIDs []ID `json:"applicationIds,omitempty"`
	// Name is that of the user action. The localized members are in the language of the user, or the same where there is no text in it.
	Name            string `json:"name,omitzero"`
	LocalizedName   string `json:"localizedName,omitzero"`
	Option          string `json:"option,omitzero"`
	LocalizedOption string `json:"localizedOption,omitzero"`
	Reason          string `json:"reason,omitzero"`
	LocalizedReason string `json:"localizedReason,omitzero"`
	ReasonCode      string `json:"reasonCode,omitzero"`
	Comment         string `json:"comment,omitzero"`
	// Expiry is when it ends, [Forever], or when it was cancelled. Zero for one that does not last for a time.
	Expiry Instant `json:"expiry,omitzero"`
	// EmailUserOnEnd and NotifyUserOnEnd say what happens at the end.
	EmailUserOnEnd  bool `json:"emailUserOnEnd"`
	NotifyUserOnEnd bool `json:"notifyUserOnEnd"`
	// EndEventSent tells whether the end was announced.
	EndEventSent  bool    `json:"endEventSent"`
	InsertInstant Instant `json:"insertInstant,omitzero"`
	// History has the steps of an action that lasts for a time, the first one included. Nil for others.
	History *UserActionHistory `json:"history,omitzero"`
}

// UserActionHistory is what has become of an action.
type UserActionHistory struct {
	HistoryItems List[UserActionHistoryItem] `json:"historyItems"`
}

// UserActionHistoryItem is one step: the action was taken, changed or cancelled.
type UserActionHistoryItem struct {
	// ActionerUserID is empty when the server did by itself.
	ActionerUserID ID      `json:"actionerUserId,omitzero"`
	Comment        string  `json:"comment,omitzero"`
	CreateInstant  Instant `json:"createInstant,omitzero"`
	// Expiry is the one that the step gave the action.
	Expiry Instant `json:"expiry,omitzero"`
}

// ActionRequest takes an action on a user, or changes or cancels one.
type ActionRequest struct {
	Action ActionData `json:"action"`
	// Broadcast sends the event user.action. Defaults to false.
	Broadcast bool       `json:"broadcast"`
	EventInfo *EventInfo `json:"eventInfo,omitzero"`
}

// ActionData says what is done.
type ActionData struct {
	// UserActionID and ActioneeUserID are required to take an action, and ignored otherwise.
	UserActionID   ID `json:"userActionId,omitzero"`
	ActioneeUserID ID `json:"actioneeUserId,omitzero"`
	// ActionerUserID is who does it. Required.
	ActionerUserID ID `json:"actionerUserId,omitzero"`
	// ApplicationIDs limit the action to applications of the tenant of the user. Ignored unless it is taken.
	ApplicationIDs []ID   `json:"applicationIds,omitempty"`
	Comment        string `json:"comment,omitzero"`
	// Expiry is required to take or change an action that lasts for a time: an instant in the future, or [Forever].
	Expiry Instant `json:"expiry,omitzero"`
	// Option is one of the user action's. Ignored unless it is taken.
	Option string `json:"option,omitzero"`
	// ReasonID names a reason. When an action is changed, empty keeps the one it has.
	ReasonID ID `json:"reasonId,omitzero"`
	// EmailUser tells the user by e-mail, now and at the end. NotifyUser asks receivers of the event to notify the user, likewise. Both only where the
	// user action allows it.
	EmailUser  bool `json:"emailUser"`
	NotifyUser bool `json:"notifyUser"`
}

// ActionResponse has one action that was taken on a user.
type ActionResponse struct {
	Action *UserActionLog `json:"action,omitzero"`
}

// ActionsResponse has actions that were taken on a user, the newest first.
type ActionsResponse struct {
	Actions List[UserActionLog] `json:"actions"`
}
