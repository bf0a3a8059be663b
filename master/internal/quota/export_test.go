package quota

import "context"

// Reconcile is what a change of rules starts.
func (k *Keeper) Reconcile(ctx context.Context) error { return k.reconcile(ctx) }
