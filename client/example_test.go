package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/herald-events/herald/client"
	"github.com/herald-events/herald/internal/app"
	"github.com/herald-events/herald/internal/config"
	"github.com/herald-events/herald/wire"
)

// running is a server for the examples, and a client of it.
func running() (c *client.Client, stop func()) {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "herald-example-")
	if err != nil {
		log.Fatal(err)
	}
	a, err := app.New(ctx, app.Options{Settings: config.Serve{Store: config.Store{Data: folder}, Addr: "127.0.0.1:0", TransactionTimeout: 1e10}})
	if err != nil {
		log.Fatal(err)
	}
	if err := a.Start(ctx); err != nil {
		log.Fatal(err)
	}
	if c, err = client.New(client.Options{URL: "http://" + a.Addr(), APIKey: a.LocalKey()}); err != nil {
		log.Fatal(err)
	}
	return c, func() {
		_ = a.Stop(ctx)
		_ = os.RemoveAll(folder)
	}
}

// A receiver subscribes, and is told of a new user.
func Example() {
	c, stop := running()
	defer stop()
	ctx := context.Background()

	told := make(chan struct{}, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told <- struct{}{} }))
	defer receiver.Close()

	for t, err := range c.Tenants.List(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		if _, err := c.Tenants.SetEvent(ctx, t.ID, "user.create.complete", wire.EventSetting{Enabled: true}); err != nil {
			log.Fatal(err)
		}
	}
	webhook, err := c.Webhooks.Create(ctx, wire.Webhook{
		URL: receiver.URL, Global: true, ConnectTimeout: 1000, ReadTimeout: 2000, EventsEnabled: wire.Map[bool]{"user.create.complete": true},
	})
	if err != nil {
		log.Fatal(err)
	}
	created, err := c.Users.Create(ctx, "", wire.UserRequest{User: wire.UserInput{User: wire.User{Email: "ada@example.com"}, Password: "correct horse"}})
	if err != nil {
		log.Fatal(err)
	}
	<-told
	fmt.Println(created.User.Email)

	for d, err := range c.Deliveries.List(ctx, wire.DeliverySearch{DeliveryFilter: wire.DeliveryFilter{WebhookID: webhook.ID}}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(d.EventType)
	}
	// Output:
	// ada@example.com
	// user.create.complete
}

// What went wrong is told by errors.Is, and by the codes that the server gives.
func ExampleError() {
	c, stop := running()
	defer stop()
	ctx := context.Background()

	_, err := c.Webhooks.Create(ctx, wire.Webhook{URL: "ftp://example.com"})
	var answer *client.Error
	if errors.As(err, &answer) {
		fmt.Println(answer.Status, errors.Is(err, client.ErrInvalid))
		for _, message := range answer.Messages() {
			fmt.Println(message)
		}
	}
	_, err = c.Webhooks.Load(ctx, "00000000-0000-4000-8000-000000000000")
	fmt.Println(errors.Is(err, client.ErrNotFound))
	// Output:
	// 400 true
	// webhook.connectTimeout: A timeout in milliseconds, greater than 0, is required.
	// webhook.readTimeout: A timeout in milliseconds, greater than 0, is required.
	// webhook.url: The URL cannot be used: the URL must begin with http:// or https://.
	// true
}

// What has no method of its own is called by its path.
func ExampleClient_Call() {
	c, stop := running()
	defer stop()
	var answer struct {
		Groups []wire.Group `json:"groups"`
	}
	if err := c.Call(context.Background(), "GET", "/api/group", nil, &answer); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(answer.Groups), "groups")
	// Output: 0 groups
}
