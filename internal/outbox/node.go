package outbox

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/herald-events/herald/internal/db"
)

// node is the lease of this process on PostgreSQL: a row that it renews while it lives. Claims need no time of their own; they end with the lease of the process
// that made them, so a claim costs nothing to keep, however long a receiver takes. SQLite has one process, and the folder's lock is its lease.
type node struct {
	o      *Outbox
	shared bool         // the store has other processes
	others atomic.Int64 // living ones, when the lease was last renewed
	lost   atomic.Bool  // we could not renew: others may have taken what we had claimed
	expiry *time.Timer  // sets lost
}

func (n *node) init(o *Outbox) { n.o, n.shared = o, o.DB.Engine() == db.PostgreSQL }

// alive tells whether what this process has claimed is certainly still its own.
func (n *node) alive() bool { return !n.lost.Load() }

// begin takes the lease and frees what no living process has claimed.
func (n *node) begin(ctx context.Context) error {
	if n.shared {
		n.expiry = time.AfterFunc(n.o.Lease, n.lose)
	}
	err := n.o.DB.Update(ctx, func(tx *db.Tx) error {
		if !n.shared {
			_, err := freeUnknown(tx)
			return err
		}
		if err := registerNode(tx, n.o.Node, n.o.Keys, tx.Now().Add(n.o.Lease).UnixMilli()); err != nil {
			return err
		}
		if err := n.count(tx); err != nil {
			return err
		}
		_, err := freeUnknown(tx)
		return err
	})
	if err == nil && n.shared {
		err = n.sweep(ctx)
	}
	if err != nil && n.shared {
		n.expiry.Stop()
	}
	return err
}

// living is how many processes share the store, this one included. What a webhook allows at once or per second is divided among them.
func (n *node) living() int { return int(n.others.Load()) + 1 }

// live renews the lease until ctx ends, and frees what processes that died had claimed.
func (n *node) live(ctx context.Context) {
	if !n.shared {
		return
	}
	tick := time.NewTicker(n.o.Lease / 5)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := n.renew(ctx); err != nil && ctx.Err() == nil {
			n.o.Logger.Error("the lease of this process could not be renewed", "error", err)
		}
	}
}

// renew extends the lease. When others have already taken it for dead, it begins anew, without what it had claimed.
func (n *node) renew(ctx context.Context) error {
	swept := false
	// Until the end of the old lease, counted from before the renewal: it may take a while.
	ctx, cancel := context.WithTimeout(ctx, n.o.Lease)
	defer cancel()
	renewed := time.AfterFunc(n.o.Lease, n.lose)
	err := n.o.DB.Update(ctx, func(tx *db.Tx) error {
		until := tx.Now().Add(n.o.Lease).UnixMilli()
		ok, err := renewNode(tx, n.o.Node, until)
		if err != nil {
			return err
		}
		if swept = !ok; swept {
			if err := registerNode(tx, n.o.Node, n.o.Keys, until); err != nil {
				return err
			}
		}
		return n.count(tx)
	})
	if err != nil {
		renewed.Stop()
		return err
	}
	n.expiry.Stop()
	n.expiry = renewed
	if swept || n.lost.Load() {
		for _, l := range n.o.all() {
			if err := l.giveBack(l.drop()); err != nil { // the fence keeps this from touching what others have claimed meanwhile
				return err
			}
		}
		n.lost.Store(false)
		n.wakeAll()
	}
	return n.sweep(ctx)
}

// count notes how many processes there are. When that has changed, each lane may have more places than it knows of.
func (n *node) count(tx *db.Tx) error {
	living, err := livingNodes(tx)
	if others := max(living-1, 0); err == nil && n.others.Swap(others) != others {
		tx.AfterCommit(n.wakeAll)
	}
	return err
}

func (n *node) wakeAll() {
	for _, l := range n.o.all() {
		l.wake()
	}
}

func (n *node) lose() {
	n.lost.Store(true)
	n.o.Logger.Warn(fmt.Sprintf("this process could not renew its lease for %v: it sends nothing until it can", n.o.Lease))
}

// sweep frees what processes with an expired lease had claimed, step by step: it may be much, and whoever sweeps has a lease of its own to renew.
func (n *node) sweep(ctx context.Context) error {
	for more := true; more; {
		err := n.o.DB.Update(ctx, func(tx *db.Tx) error {
			more = false
			dead, err := expiredNodes(tx)
			if err != nil {
				return err
			}
			for _, id := range dead {
				freed, err := freeClaims(tx, id, stepSize)
				if err != nil {
					return err
				}
				if freed == stepSize {
					more = true
					continue
				}
				if err := removeNode(tx, id); err != nil {
					return err
				}
				tx.AfterCommit(func() {
					n.o.Logger.Warn("another process has ended without giving back what it had claimed; it is sent by others", "node", id)
				})
			}
			if len(dead) > 0 {
				tx.AfterCommit(n.wakeAll)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// adopt frees what was claimed by processes that have no lease. A process that was suspended until others had taken it for dead can commit what it was just at, and
// die before it has a lease again.
func (n *node) adopt(ctx context.Context) error {
	if !n.shared {
		return nil
	}
	return n.o.DB.Update(ctx, func(tx *db.Tx) error {
		freed, err := freeUnknown(tx)
		for _, id := range freed {
			tx.AfterCommit(func() { n.o.wake(id) })
		}
		return err
	})
}

// end gives everything back that is still claimed, for others to take at once.
func (n *node) end() {
	if n.expiry != nil {
		n.expiry.Stop()
	}
	err := n.o.update(func(tx *db.Tx) error {
		freed, err := freeClaims(tx, n.o.Node, all)
		if err != nil {
			return err
		}
		if freed > 0 {
			for _, l := range n.o.all() {
				if err := tx.Notify(channel, somethingDue+string(l.webhook)); err != nil {
					return err
				}
			}
		}
		return removeNode(tx, n.o.Node)
	})
	if err != nil {
		n.o.Logger.Error("claims could not be given back; they end with the lease", "error", err)
	}
}

// claimer is what a claim of this process is marked with. Batches of one lane are told apart by their number; 0 is what was claimed when it was written.
func (o *Outbox) claimer(batch int64) string { return fmt.Sprintf("%s/%d", o.Node, batch) }
