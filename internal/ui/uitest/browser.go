// Package uitest looks at the pages of the admin UI as people do: with a browser, by what is written on buttons and beside fields.
//
//	browser.go  one Chromium for all tests of a binary
//	page.go     a tab: open, click, type, choose, see; page.js is the part of it that runs in the page
//	looks.go    whether everybody can use the page: axe-core, light and dark, wide and on a phone
//
// Whatever a page complains of fails the test at its end: messages on the console, uncaught exceptions, violations of the content security policy,
// dialogs, requests that fail. Without a browser the tests are skipped, and with CI=true they fail.
package uitest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// chromium is the browser that all tests of a binary share; each test has tabs of its own in it.
var chromium struct {
	sync.Mutex
	ctx context.Context // nil until a test needs the browser
	end func()
	err error
}

var errNoBrowser = errors.New("no Chromium was found: install it, or name its program in CHROMIUM")

// Stop ends the browser, if a test has started it. It is for TestMain, after the tests.
func Stop() {
	chromium.Lock()
	defer chromium.Unlock()
	if chromium.end != nil {
		chromium.end()
	}
	chromium.ctx, chromium.end = nil, nil
}

// Need skips the test where there is no browser. It is for the beginning, before the test makes what it would not need then.
func Need(t testing.TB) {
	t.Helper()
	started(t)
}

// started is the context of the browser. The first test that asks starts it.
func started(t testing.TB) context.Context {
	t.Helper()
	chromium.Lock()
	defer chromium.Unlock()
	if chromium.ctx == nil && chromium.err == nil {
		chromium.err = start()
	}
	if errors.Is(chromium.err, errNoBrowser) && os.Getenv("CI") != "true" {
		t.Skip(chromium.err)
	}
	if chromium.err != nil {
		t.Fatal(chromium.err)
	}
	return chromium.ctx
}

func start() error {
	program, err := find()
	if err != nil {
		return err
	}
	profile, err := os.MkdirTemp("", "chromium")
	if err != nil {
		return err
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), chromedp.ExecPath(program), chromedp.UserDataDir(profile),
		chromedp.Headless, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.DisableGPU,
		chromedp.NoSandbox, // root may not have one; the pages are our own
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("disable-extensions", true),
		chromedp.Flag("disable-background-timer-throttling", true), chromedp.Flag("disable-backgrounding-occluded-windows", true),
		chromedp.Flag("disable-renderer-backgrounding", true), chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("lang", "en-US"),
		chromedp.WindowSize(wide.width, wide.height))
	ctx, cancel := chromedp.NewContext(allocator)
	end := func() {
		cancel()
		stop()
		_ = os.RemoveAll(profile) // a temporary folder that stays harms nobody
	}
	if err := chromedp.Do(ctx); err != nil {
		end()
		return fmt.Errorf("%s does not start: %w", program, err)
	}
	chromium.ctx, chromium.end = ctx, end
	return nil
}

// find is the browser's program.
func find() (string, error) {
	if program := os.Getenv("CHROMIUM"); program != "" {
		return program, nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless_shell"} {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	return "", errNoBrowser
}
