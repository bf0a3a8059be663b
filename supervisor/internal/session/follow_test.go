package session_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/supervisor/internal/accesslog"
	"github.com/uhdadmin/media-gateway/supervisor/internal/spool"
)

// batches are lines that come once.
type batches struct {
	lines []spool.Line
	done  spool.Position
	ended context.CancelFunc
}

func (b *batches) Next(ctx context.Context) (spool.Batch, error) {
	n := min(1000, len(b.lines))
	if n == 0 {
		b.ended()
		<-ctx.Done()
		return spool.Batch{}, ctx.Err()
	}
	batch := spool.Batch{Lines: b.lines[:n], To: spool.Position{Segment: 1, Offset: b.done.Offset + int64(n)}}
	b.lines = b.lines[n:]
	return batch, nil
}

// parsed is a line as the spool has it.
func parsed(text []byte) spool.Line {
	var p accesslog.Parser
	var e accesslog.Entry
	if p.Parse(text, &e) != nil {
		return spool.Line{Text: text}
	}
	return spool.Line{Text: text, Entry: &e}
}

func (b *batches) Done(p spool.Position) { b.done = p }

// TestFollow: of a log with other requests, garbage and cut lines, the streams are seen, and all is done with.
func TestFollow(t *testing.T) {
	f := newFixture(t)
	now := float64(f.clock().UnixMilli()) / 1000
	line := func(session, item string) spool.Line {
		return parsed(fmt.Appendf(nil, `{"timestamp":%.3f,"ip":"192.0.2.1","method":"GET","status":200,"bytes_sent":9,"accounted":0,"scope":"1","device_id":"d%s","play_session_id":%q,"item_id":%q,"verdict":"allow"}`, now, session, session, item))
	}
	ctx, cancel := context.WithCancel(t.Context())
	b := &batches{ended: cancel, lines: []spool.Line{
		line("", ""), line("a", "f1"), parsed([]byte("{\"timestamp\":17\x00")), parsed(line("b", "f1").Text[:90]), line("", ""), line("c", "f2"),
	}}
	n := int64(len(b.lines))
	if err := f.Follow(ctx, b); err != nil {
		t.Fatal(err)
	}
	if f.wantLive(2, "two streams"); b.done.Offset != n {
		t.Errorf("done with %d of %d lines", b.done.Offset, n)
	}
}

// TestFollowSpool: lines of the real spool, from its end on.
func TestFollowSpool(t *testing.T) {
	f := newFixture(t)
	dir := t.TempDir()
	log := filepath.Join(dir, "spool", "access.log")
	if err := os.Mkdir(filepath.Dir(log), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(session string) {
		file, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = file.Close() }()
		_, err = fmt.Fprintf(file, `{"timestamp":%.3f,"ip":"192.0.2.1","method":"GET","status":200,"bytes_sent":9,"accounted":0,"scope":"1","device_id":"tv","play_session_id":%q,"item_id":"f","verdict":"allow"}`+"\n",
			float64(f.clock().UnixMilli())/1000, session)
		if err != nil {
			t.Fatal(err)
		}
	}
	write("before")
	s, err := spool.Open(spool.Config{
		Dir: filepath.Dir(log), State: filepath.Join(dir, "spool.json"), Owner: os.Geteuid(), MaxBytes: 1 << 30,
		Reopen: func() error { return nil }, Log: discard, Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := s.Follow(spool.Access, "sessions", s.End(spool.Access))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{}, 2)
	go func() { _ = s.Run(ctx); ended <- struct{}{} }()
	go func() { _ = f.Follow(ctx, lines); ended <- struct{}{} }()
	write("after")
	f.run()
	f.wasTold("heartbeat /after:false:9")
	cancel()
	<-ended
	<-ended
}

// BenchmarkFollow is what the sessions' reading of the access log costs per line, one in ten of a stream.
func BenchmarkFollow(b *testing.B) {
	f := newFixture(b)
	other := parsed(fmt.Appendf(nil, `{"timestamp":%d.000,"request_id":"7458b0766b416d08e76afba4c9f44650","ip":"192.0.2.1","method":"GET","status":200,"bytes_sent":20174,"request_time":0.001,"upstream_time":"0.001","upstream_status":"200","accounted":0,"server_name":"media.example.com","scope":"1","profile":"1","client_name":"Jellyfin Web","client_version":"10.11.5","device_id":"0123456789abcdef0123456789abcdef","device_name":"Firefox","kind":"header","user_id":"0123456789abcdef0123456789abcdef","token_hash":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","user_agent":"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0","uri":"/Items/0123456789abcdef0123456789abcdef/Images/Primary","play_session_id":"","item_id":"","verdict":"allow","reason":"","rule":""}`, time.Unix(1_700_000_000, 0).Unix()))
	stream := parsed(fmt.Appendf(nil, `{"timestamp":%d.000,"request_id":"7458b0766b416d08e76afba4c9f44650","ip":"192.0.2.1","method":"GET","status":200,"bytes_sent":2000174,"request_time":0.001,"upstream_time":"0.001","upstream_status":"200","accounted":0,"server_name":"media.example.com","scope":"1","profile":"1","client_name":"Jellyfin Web","client_version":"10.11.5","device_id":"0123456789abcdef0123456789abcdef","device_name":"Firefox","kind":"header","user_id":"0123456789abcdef0123456789abcdef","token_hash":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","user_agent":"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0","uri":"/Videos/0123456789abcdef0123456789abcdef/hls1/main/17.ts","play_session_id":"s","item_id":"0123456789abcdef0123456789abcdef","verdict":"allow","reason":"","rule":""}`, time.Unix(1_700_000_000, 0).Unix()))
	lines := make([]spool.Line, 0, b.N)
	for i := range b.N {
		if i%10 == 0 {
			lines = append(lines, stream)
		} else {
			lines = append(lines, other)
		}
	}
	ctx, cancel := context.WithCancel(b.Context())
	b.ReportAllocs()
	b.ResetTimer()
	_ = f.Follow(ctx, &batches{lines: lines, ended: cancel})
}
