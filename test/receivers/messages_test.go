package receivers

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/herald-events/herald/heraldtest"
	"github.com/herald-events/herald/receiver"
	"github.com/herald-events/herald/receiver/receivertest"
	"github.com/herald-events/herald/wire"
)

const messageFolder = "../../examples/message-receiver"

func TestMessages_Go(t *testing.T) {
	t.Parallel()
	messages(t, build(t, messageFolder))
}

func TestMessages_Node(t *testing.T) {
	t.Parallel()
	messages(t, program(t, "node"), filepath.Join(messageFolder, "receiver.mjs"))
}

// messages is what a receiver for messages has to do. The command starts it.
func messages(t *testing.T, command ...string) {
	p := start(t, "", command...)
	herald := receivertest.Sender{URL: p.url, Header: map[string]string{"Authorization": key}}
	sms := func(number, once string) receiver.Message {
		return receiver.Message{PhoneNumber: number, Text: "Two Factor Code: 111111", Key: once}
	}

	first := herald.Message(sms("3035551212", "1"))
	p.want("a right one", first, 200, "")
	p.want("the same again", receivertest.Again(first), 200, "")
	p.wait("SMS to 3035551212: Two Factor Code: 111111")
	spoken := receiver.Message{PhoneNumber: "3035551213", Text: "Ihr Code lautet fünf", Type: wire.Voice, Locale: "de", Key: "2"}
	p.want("one to speak", herald.Message(spoken), 200, "")
	p.wait("Voice to 3035551213: Ihr Code lautet fünf")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			response, err := http.DefaultClient.Do(herald.Message(sms("3035551214", "3")))
			if err != nil {
				t.Error(err)
				return
			}
			response.Body.Close()
			if response.StatusCode != 200 && response.StatusCode != 503 {
				t.Errorf("one of many at once: %d", response.StatusCode)
			}
		})
	}
	all.Wait()
	p.wait("SMS to 3035551214: Two Factor Code: 111111")
	for range 2 { // a no is not remembered
		p.want("one to refuse", herald.Message(sms("+19005551212", "4")), 422, `{"errors":[{"code":"[refused]","message":"nothing is sent to premium numbers"}]}`)
	}
	for range 2 {
		p.want("one without a key, as FusionAuth sends it", herald.Message(sms("3035551215", "")), 200, "")
	}

	wrong, none := herald, herald
	wrong.Header, none.Header = map[string]string{"Authorization": "guessed"}, nil
	p.want("a wrong secret", wrong.Message(sms("user-x", "5")), 401, notAuthorized)
	p.want("no secret", none.Message(sms("user-x", "6")), 401, notAuthorized)
	for _, body := range []string{"not JSON", "[]", "null", `{"type":"SMS"}`, `{"type":"SMS","phoneNumber":7,"textMessage":"user-x"}`, `{"type":"SMS","phoneNumber":"user-x"}`, `{"type":"Voice","phoneNumber":"user-x","textMessage":"y"}`} {
		p.want(body, herald.Body("1", []byte(body)), 400, `{"errors":[{"code":"[invalidBody]"`)
	}
	large := fmt.Appendf(nil, `{"type":"SMS","phoneNumber":"user-x","textMessage":%q}`, strings.Repeat("x", 64<<10))
	p.wantTooLarge(herald.Body("1", large))
	get := herald.Message(sms("user-x", "7"))
	get.Method, get.Body, get.GetBody, get.ContentLength = http.MethodGet, nil, nil, 0
	p.want("GET", get, 405, `{"errors":[{"code":"[methodNotAllowed]"`)

	// And one of a real Herald.
	h := heraldtest.Start(t)
	messenger, err := h.Client.Messengers.Create(t.Context(), wire.Messenger{
		Type: "Generic", Name: "Texts", URL: p.url, ConnectTimeout: 1000, ReadTimeout: 5000, Headers: map[string]string{"Authorization": key},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Client.Messengers.Test(t.Context(), messenger.ID, wire.MessengerTestRequest{PhoneNumber: "+13035551216"}); err != nil {
		t.Fatal(err)
	}
	if lines := p.await("SMS to +13035551216: "); len(lines) != 1 {
		t.Errorf("of the test message it has printed %q", lines)
	}
	if lines, _ := p.done("3035551215"); len(lines) != 2 {
		t.Errorf("of two messages without a key it has printed %q", lines)
	}
	if lines, _ := p.done("user-x"); len(lines) > 0 {
		t.Errorf("it has sent what nobody should have made it send: %q", lines)
	}
}
