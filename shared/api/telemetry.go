package api

// ReportAnswer is the master's answer to a batch of telemetry rows.
type ReportAnswer struct {
	Accepted  int  `json:"accepted"`  // rows
	Duplicate bool `json:"duplicate"` // the batch had been taken before, under the same Idempotency-Key
}
