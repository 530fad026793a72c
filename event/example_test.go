package event_test

import (
	"fmt"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/wire"
)

// A publisher encodes an event once; all receivers get these bytes.
func ExampleEncode() {
	payload := &event.GroupEvent{
		Header: event.About(event.GroupCreate, "00000000-0000-4000-8000-0000000000c1"),
		Group:  wire.Group{ID: "00000000-0000-4000-8000-0000000000c1", Name: "Staff"},
	}
	payload.ID = "10000000-0000-4000-8000-000000000001"
	payload.CreateInstant = 1700000600123

	body, err := event.Encode(payload)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(body))
	// Output:
	// {"event":{"id":"10000000-0000-4000-8000-000000000001","type":"group.create","createInstant":1700000600123,"linkedObjectId":"00000000-0000-4000-8000-0000000000c1","group":{"id":"00000000-0000-4000-8000-0000000000c1","name":"Staff"}}}
}

// A receiver decodes the body and switches on the payload's type.
func ExampleDecode() {
	body, err := event.Example(event.UserDeleteComplete)
	if err != nil {
		fmt.Println(err)
		return
	}
	payload, err := event.Decode(body)
	if err != nil {
		fmt.Println(err)
		return
	}
	switch e := payload.(type) {
	case *event.UserEvent:
		fmt.Println(e.Type, e.User.Email)
	default:
		fmt.Println("not for us:", payload.Head().Type)
	}
	// Output:
	// user.delete.complete user@example.com
}

// The catalogue knows which events webhooks can stop.
func ExampleAll() {
	stoppable := 0
	for _, d := range event.All() {
		if d.Transactional {
			stoppable++
		}
	}
	fmt.Println(stoppable, "of", len(event.All()))
	// Output:
	// 31 of 64
}

func ExampleLookup() {
	d, _ := event.Lookup(event.UserCreate)
	fmt.Println(d.Name)
	fmt.Println(d.Description)
	fmt.Println(d.Complete)
	// Output:
	// User Create
	// Sent while a user is being created, before the change is committed. Not sent for imports.
	// user.create.complete
}

func ExampleSuggest() {
	fmt.Println(event.Suggest("UserCreate"))
	// Output:
	// user.create
}
