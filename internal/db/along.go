package db

import "context"

// rider is what goes along with a change.
type rider struct {
	fn   func(*Tx) error
	done bool
}

type alongKey struct{}

// Along returns a context that carries fn: the next change of the store that is made with it runs fn as well, last and in the same transaction,
// so that both are durable or neither. It is how an edge adds to a change what the package that makes the change knows nothing of: an entry of
// the audit log. A change that fails, or is refused, takes fn with it; one that has nothing to write may leave it out. After a commit fn does
// not run again. The context is for one goroutine.
func Along(ctx context.Context, fn func(*Tx) error) context.Context {
	return context.WithValue(ctx, alongKey{}, &rider{fn: fn})
}

// Aside returns a context without what [Along] put there, for a transaction that comes before the change itself. Who uses it calls [Tx.Along] in
// the transaction of the change.
func Aside(ctx context.Context) context.Context {
	return context.WithValue(ctx, alongKey{}, (*rider)(nil))
}

// Alone keeps out of the transaction what [Along] put into its context: it turned out not to make the change, and notes only that, as a wrong code.
func (tx *Tx) Alone() { tx.alone = true }

// Along runs what ctx carries, in tx.
func (tx *Tx) Along(ctx context.Context) error {
	r, _ := ctx.Value(alongKey{}).(*rider)
	if r == nil || r.done || tx.alone {
		return nil
	}
	tx.AfterCommit(func() { r.done = true })
	return r.fn(tx)
}

// along makes what ctx carries a part of fn.
func along(ctx context.Context, fn func(*Tx) error) func(*Tx) error {
	if r, _ := ctx.Value(alongKey{}).(*rider); r == nil || r.done {
		return fn
	}
	return func(tx *Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return tx.Along(ctx)
	}
}
