package wire

// What the server finds when it examines itself. All calls about that are ours.

// Finding is one thing that was looked at.
type Finding struct {
	// Code names the kind of finding: "webhook.failing". Codes are stable.
	Code     string          `json:"code"`
	Severity FindingSeverity `json:"severity"`
	// SubjectType, SubjectID and SubjectName say what it is about: a webhook, sink, messenger, key, tenant, task or the store. Absent for the installation as a whole.
	SubjectType string `json:"subjectType,omitzero"`
	SubjectID   ID     `json:"subjectId,omitzero"`
	SubjectName string `json:"subjectName,omitzero"`
	// Text is a sentence for people. It may change.
	Text string `json:"text"`
}

// FindingSeverity says how much a finding matters.
type FindingSeverity string

// The severities, from the worst.
const (
	FindingFailure FindingSeverity = "failure" // something does not work
	FindingWarning FindingSeverity = "warning" // something will not work before long, or is not what people expect
	FindingOK      FindingSeverity = "ok"
)

// DoctorResponse has the failures first, then the warnings, then what is well.
type DoctorResponse struct {
	Findings List[Finding] `json:"findings"`
}
