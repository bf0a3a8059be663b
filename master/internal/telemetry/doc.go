// Package telemetry takes in what slaves report of their traffic, keeps it for as long as each kind is
// kept, and sums it up while it comes in.
//
// # What is stored
//
// Eleven kinds, a table each. Four are events, stored as they come: access_logs, blocked_requests,
// login_events, playback_events. Six are summed up from them: playback_sessions, devices,
// user_activities (user and day), api_calls (endpoint and hour), bandwidth (user, device, address and
// hour), media_access (user, item and day). realtime_sessions is what each slave said last. seats_daily is a
// twelfth table, bandwidth in short, for who asks about a month of it. The types of
// rows.go and rows_summed.go say what their columns mean.
//
// The rollups answer the questions about long ranges: rollup_hourly and rollup_daily hold, per UTC hour
// and UTC day, for each value of a Dimension and each server, how many requests there were, what became of
// them, their bytes and a histogram of their latency. All of it is written in the transaction that writes
// the events, so the sums are always those of the rows.
//
// Times are Millis: milliseconds since 1970, UTC, in integer columns. hour, day and period are the time at
// which the hour or day begins. The id of an event begins with its second (see ID), so that rows lie in
// the order of time: a range of time is a range of ids, no other index is needed, and a list goes on
// where it stopped by id alone. Which hours hold anything of one user, address or client tells
// rollup_hourly, and a search for its requests needs to look at those hours only.
//
// # How it comes in
//
// A slave of ours sends access log lines, and one line once; what kinds it belongs to is decided here, in
// derive.go, from its "verdict" and other members. Agents in the field send each kind by itself, without a
// verdict; from their lines nothing is derived but what devices and users were seen. A handler decodes a
// batch (decode.go) and hands it to the Ingester, whose writer stores all batches that wait in one
// transaction and then answers them. A batch whose idempotency key is known is answered and not stored.
//
// Bytes count once and in the hour they flowed: of a long transfer its usage records first, then
// bytes_sent - accounted of its access line.
//
// # Databases
//
// Database is what differs between SQLite and PostgreSQL. On SQLite telemetry has a file of its own, so
// that a busy ingest does not hold up the one writer of configurations.
package telemetry
