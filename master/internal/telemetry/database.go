package telemetry

import (
	"context"

	"github.com/uptrace/bun"
)

// Database is what differs between SQLite and PostgreSQL.
type Database interface {
	// Reader returns connections for queries. They see whole transactions only.
	Reader() *bun.DB
	// Write runs fn in a writing transaction, for what is not ingest; its error rolls back. It must be
	// short: ingest waits for it on SQLite. PostgreSQL may run fn again when another got in its way.
	Write(ctx context.Context, fn func(ctx context.Context, tx bun.IDB) error) error
	// Ingest runs fn in a writing transaction, as Write does, up to Writers at a time.
	Ingest(ctx context.Context, fn func(Tx) error) error
	// Expire deletes rows of the table that are older than before, some at a time, and returns how many
	// are gone; 0: there are none left. A database with partitions drops those that hold nothing newer.
	Expire(ctx context.Context, table *Table, before Millis) (int64, error)
	// Writers is how many transactions of Ingest are worth running beside each other.
	Writers() int
	Close() error
}

// Tx is a transaction of Database.Ingest. It ends with fn and is for one goroutine.
type Tx interface {
	// Claim notes that the batches are stored, and returns for each whether it is new, and if not, how
	// many rows were accepted when it was.
	Claim(batches []BatchKey, at Millis) ([]Claim, error)
	// Numbers draws n numbers for ids, which no other transaction gets, and returns the first.
	Numbers(n int) (int64, error)
	// Put writes a block: adds its rows, or merges them where the table has keys.
	Put(b Block) error
	// Replace puts the block in place of all rows of realtime_sessions that the reporter wrote before.
	Replace(reporterID int64, b Block) error
}

// BatchKey names a batch. Those with Key "" are always new.
type BatchKey struct {
	Source   string // which slave: host and service type
	Key      string
	Accepted int // rows that are taken from it
}

// Claim is what Tx.Claim says of a batch.
type Claim struct {
	New      bool
	Accepted int
}
