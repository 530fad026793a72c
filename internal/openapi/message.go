package openapi

import "github.com/herald-events/herald/wire"

var messengers = group{
	"Messengers", "What takes texts to people.",
	[][]operation{
		objects("/api/messenger/{messengerId}", "a messenger", "messengers", wire.MessengerRequest{}, wire.MessengerResponse{}, wire.MessengersResponse{},
			created(`{"messenger": {"type": "Generic", "name": "Texts", "url": "https://example.com/texts", "connectTimeout": 1000, "readTimeout": 2000}}`)),
		on("POST /api/messenger/test", "Try a messenger out that is not saved", takes(wire.MessengerTestRequest{}), gives(wire.MessageTestResponse{}), about("Ours."), calm),
		on("POST /api/messenger/{messengerId}/test", "Try a messenger out", takes(wire.MessengerTestRequest{}), gives(wire.MessageTestResponse{}), about("Ours."), calm),
		on("POST /api/email/test", "Try the mail server of a tenant out", takes(wire.EmailTestRequest{}), gives(wire.MessageTestResponse{}), about("Ours."), notFound, calm),
	},
}

var templates = group{
	"Templates", "The texts people get.",
	[][]operation{
		objects("/api/message/template/{messageTemplateId}", "a message template", "message templates", wire.MessageTemplateRequest{}, wire.MessageTemplateResponse{}, wire.MessageTemplatesResponse{},
			created(`{"messageTemplate": {"type": "SMS", "name": "Code", "defaultTemplate": "Your code is ${code}.", "localizedTemplates": {"de": "Ihr Code ist ${code}."}}}`)),
		on("POST /api/message/template/preview", "See a message with sample values", takes(wire.MessageTemplatePreviewRequest{}), gives(wire.MessageTemplatePreviewResponse{}), calm,
			about("What is wrong with the template is a part of the answer.")),
		objects("/api/email/template/{emailTemplateId}", "an e-mail template", "e-mail templates", wire.EmailTemplateRequest{}, wire.EmailTemplateResponse{}, wire.EmailTemplatesResponse{},
			created(`{"emailTemplate": {"name": "Code", "defaultSubject": "Your code", "defaultTextTemplate": "It is ${code}.", "defaultHtmlTemplate": "<p>It is ${code}.</p>"}}`)),
		on("POST /api/email/template/preview", "See an e-mail with sample values", takes(wire.EmailTemplatePreviewRequest{}), gives(wire.EmailTemplatePreviewResponse{}), calm,
			about("What is wrong with the template is a part of the answer.")),
		search("/api/email/template/search", "Find e-mail templates", wire.EmailTemplateSearch{}, wire.EmailTemplateSearchRequest{}, wire.EmailTemplateSearchResponse{}),
	},
}

var messageLog = group{
	"Message log", "Which messages were sent to whom, through what, and what came of it. Ours.",
	[][]operation{
		on("GET /api/message/log/{messageId}", "Read a message", gives(wire.MessageResponse{})),
		search("/api/message/log/search", "Find messages", wire.MessageSearch{}, wire.MessageSearchRequest{}, wire.MessageSearchResponse{}),
	},
}
