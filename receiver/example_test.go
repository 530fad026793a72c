package receiver_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/herald-events/herald/event"
	"github.com/herald-events/herald/receiver"
	"github.com/herald-events/herald/receiver/receivertest"
	"github.com/herald-events/herald/wire"
)

// A receiver that deletes what a deleted user has left behind, and has a say in who may become one.
func Example() {
	r := receiver.New(receiver.Options{
		Checks: []receiver.Check{receiver.Header("Authorization", "some-secret")},
		Once:   receiver.Memory(0),
		Log:    slog.New(slog.DiscardHandler),
	})
	receiver.On(r, event.UserCreate, func(_ context.Context, e *event.UserEvent) error {
		if strings.HasSuffix(e.User.Email, "@blocked.example") {
			return receiver.Refuse("nobody from blocked.example is let in")
		}
		return nil
	})
	receiver.On(r, event.UserDeleteComplete, func(_ context.Context, e *event.UserEvent) error {
		fmt.Println("deleting the todos of", e.User.Email)
		return nil
	})
	// In a program: http.Handle("/webhook", r)

	// What Herald would send, and what it would get.
	herald := receivertest.Sender{Header: map[string]string{"Authorization": "some-secret"}}
	deleted := receivertest.Example(event.UserDeleteComplete).(*event.UserEvent)
	deleted.User.Email = "ada@example.com"
	request := herald.Payload(deleted)
	fmt.Println(receivertest.Do(r, request).Code)
	fmt.Println(receivertest.Do(r, receivertest.Again(request)).Code, "and not deleted again")

	created := receivertest.Example(event.UserCreate).(*event.UserEvent)
	created.User.Email = "eve@blocked.example"
	answer := receivertest.Do(r, herald.Payload(created))
	fmt.Println(answer.Code, answer.Body)

	stranger := receivertest.Sender{}
	answer = receivertest.Do(r, stranger.Event(event.UserCreate))
	fmt.Println(answer.Code, answer.Body)
	// Output:
	// deleting the todos of ada@example.com
	// 200
	// 200 and not deleted again
	// 422 {"errors":[{"code":"[refused]","message":"nobody from blocked.example is let in"}]}
	// 401 {"errors":[{"code":"[notAuthorized]"}]}
}

// A program as it would run: timeouts, and a body that is signed with a key of Herald's.
func ExampleNew() {
	keys := &receiver.JWKS{URL: "https://herald.example.com/.well-known/jwks.json"}
	if err := keys.Load(context.Background()); err != nil {
		log.Print(err) // it will be tried again with the first event
	}
	r := receiver.New(receiver.Options{
		Checks: []receiver.Check{receiver.Header("Authorization", os.Getenv("WEBHOOK_KEY")), receiver.Signature(keys)},
		Once:   receiver.Memory(0),
		MaxAge: 48 * time.Hour,
	})
	receiver.On(r, event.UserCreateComplete, func(ctx context.Context, e *event.UserEvent) error {
		return nil
	})
	http.Handle("/webhook", r)
	server := &http.Server{Addr: ":8443", ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServeTLS("cert.pem", "key.pem"))
}

// A handler may take a struct of its own, with what it needs of an event.
func ExampleOn() {
	type newUser struct {
		event.Header
		User struct {
			Email string
			Data  struct{ Plan string } // what your application keeps with a user
		}
	}
	r := receiver.New(receiver.Options{Checks: []receiver.Check{receiver.Anyone()}})
	receiver.On(r, event.UserCreate, func(_ context.Context, e *newUser) error {
		fmt.Println(e.Type, e.User.Email, e.User.Data.Plan)
		return nil
	})
	created := receivertest.Example(event.UserCreate).(*event.UserEvent)
	created.User.Email, created.User.Data = "ada@example.com", wire.Object{"plan": "gold"}
	receivertest.Do(r, receivertest.Sender{}.Payload(created))
	// Output: user.create ada@example.com gold
}

// All other events, of types that nobody knew when this was written too.
func ExampleReceiver_Default() {
	r := receiver.New(receiver.Options{Checks: []receiver.Check{receiver.Anyone()}})
	r.Default(func(_ context.Context, e *receiver.Event) error {
		fmt.Printf("%s: %s\n", e.Type, e.Raw)
		return nil
	})
	receivertest.Do(r, receivertest.Sender{}.Body("1", []byte(`{"event": {"id": "1", "type": "user.teleported", "to": "mars"}}`)))
	// Output: user.teleported: {"id": "1", "type": "user.teleported", "to": "mars"}
}

// Changing a secret: the receiver takes both, the webhook is changed, the receiver forgets the old one.
func ExampleAny() {
	r := receiver.New(receiver.Options{Checks: []receiver.Check{receiver.Any(
		receiver.Header("Authorization", "the-new-one"),
		receiver.Header("Authorization", "the-old-one"),
	)}})
	before := receivertest.Sender{Header: map[string]string{"Authorization": "the-old-one"}}
	after := receivertest.Sender{Header: map[string]string{"Authorization": "the-new-one"}}
	fmt.Println(receivertest.Do(r, before.Event(event.UserCreate)).Code, receivertest.Do(r, after.Event(event.UserCreate)).Code)
	// Output: 200 200
}

// Standard Webhooks: a request that somebody has kept is of no use after five minutes.
func ExampleStandardWebhooks() {
	r := receiver.New(receiver.Options{
		Checks: []receiver.Check{receiver.StandardWebhooks(receiver.Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), 0)},
		Log:    slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	herald := receivertest.Sender{StandardWebhooks: receivertest.NewSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}
	fmt.Println(receivertest.Do(r, herald.Event(event.UserCreate)).Code)
	fmt.Println(receivertest.Do(r, herald.Expired(10*time.Minute).Event(event.UserCreate)).Code)
	fmt.Println(receivertest.Do(r, herald.Forged().Event(event.UserCreate)).Code)
	// Output:
	// 200
	// 401
	// 401
}

// The receiver of a Generic messenger.
func ExampleMessages() {
	send := func(m *receiver.Message) error { // stands for a provider of text messages
		if !strings.HasPrefix(m.PhoneNumber, "+") {
			return errors.New("not a number")
		}
		fmt.Printf("to %s: %s\n", m.PhoneNumber, m.Text)
		return nil
	}
	h := receiver.Messages(receiver.Options{
		Checks: []receiver.Check{receiver.Basic("herald", "some-password")},
		Once:   receiver.Memory(0),
		Log:    slog.New(slog.DiscardHandler),
	}, func(_ context.Context, m *receiver.Message) error {
		if err := send(m); err != nil {
			return receiver.Refuse(err.Error())
		}
		return nil
	})
	herald := receivertest.Sender{Username: "herald", Password: "some-password"}
	message := herald.Message(receiver.Message{PhoneNumber: "+13035551212", Text: "Two Factor Code: 111111", Key: "c0ffee"})
	fmt.Println(receivertest.Do(h, message).Code, receivertest.Do(h, receivertest.Again(message)).Code)
	fmt.Println(receivertest.Do(h, herald.Message(receiver.Message{PhoneNumber: "911", Text: "Two Factor Code: 222222"})).Body)
	// Output:
	// to +13035551212: Two Factor Code: 111111
	// 200 200
	// {"errors":[{"code":"[refused]","message":"not a number"}]}
}

// Exactly once: the id of the event is written in the transaction of what the event does. A second time its key is there already, and nothing is done. No crash can
// come between the two, so Options.Once is not needed.
func ExampleOn_exactlyOnce() {
	var db *sql.DB // CREATE TABLE handled (event_id TEXT PRIMARY KEY, at TIMESTAMP NOT NULL)
	r := receiver.New(receiver.Options{Checks: []receiver.Check{receiver.Header("Authorization", os.Getenv("WEBHOOK_KEY"))}})
	receiver.On(r, event.UserDeleteComplete, func(ctx context.Context, e *event.UserEvent) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		result, err := tx.ExecContext(ctx, "INSERT INTO handled (event_id, at) VALUES ($1, $2) ON CONFLICT DO NOTHING", e.ID, time.Now())
		if err != nil {
			return err
		}
		if fresh, err := result.RowsAffected(); err != nil || fresh == 0 {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM todo WHERE user_id = $1", e.User.ID); err != nil {
			return err
		}
		return tx.Commit()
	})
	http.Handle("/webhook", r)
}

// table is a Once that several processes share. A claim that is older than a minute is that of a process which died with it.
type table struct{ db *sql.DB }

// CREATE TABLE handled (event_id TEXT PRIMARY KEY, claimed_at BIGINT NOT NULL, done BOOLEAN NOT NULL)
func (t table) Claim(ctx context.Context, id string) (receiver.State, error) {
	now := time.Now().UnixMilli()
	result, err := t.db.ExecContext(ctx, `
		INSERT INTO handled (event_id, claimed_at, done) VALUES ($1, $2, FALSE)
		ON CONFLICT (event_id) DO UPDATE SET claimed_at = $2 WHERE NOT handled.done AND handled.claimed_at < $3`, id, now, now-time.Minute.Milliseconds())
	if err != nil {
		return 0, err
	}
	if fresh, err := result.RowsAffected(); err != nil || fresh == 1 {
		return receiver.Fresh, err
	}
	var done bool
	if err := t.db.QueryRowContext(ctx, "SELECT done FROM handled WHERE event_id = $1", id).Scan(&done); err != nil {
		return 0, err // released at this moment: it will come again
	}
	if done {
		return receiver.Done, nil
	}
	return receiver.Busy, nil
}

func (t table) Commit(ctx context.Context, id string) error {
	_, err := t.db.ExecContext(ctx, "UPDATE handled SET done = TRUE WHERE event_id = $1", id)
	return err
}

func (t table) Release(ctx context.Context, id string) error {
	_, err := t.db.ExecContext(ctx, "DELETE FROM handled WHERE event_id = $1 AND NOT done", id)
	return err
}

// Once in a database that several processes share, for handlers whose work is not in that database.
func ExampleOnce() {
	var db *sql.DB
	r := receiver.New(receiver.Options{
		Checks: []receiver.Check{receiver.Header("Authorization", os.Getenv("WEBHOOK_KEY"))},
		Once:   table{db},
	})
	http.Handle("/webhook", r)
}
