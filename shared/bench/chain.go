package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/uhdadmin/media-gateway/nginx"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// variant is one configuration of the chain.
type variant struct {
	name   string
	rules  int // block rules more than usual
	limits []api.RateLimitRule
	bar    float64 // for processor time per request, plain / chain

	server  *server
	samples []sample
}

// measureChain loads plain and each variant in turn.
func measureChain(ctx context.Context, b *bed, g *gate) error {
	plain, err := b.startGateway("plain", nil, true)
	if err != nil {
		return err
	}
	variants := []*variant{
		{name: "plain proxy_pass", server: plain},
		{name: "full chain", limits: usualLimits(), bar: 0.75},
		{name: "full chain, 10 rate rules", limits: tenLimits(), bar: 0.60},
		{name: "full chain, 5000 URI rules", limits: usualLimits(), rules: 5000 - blockRules - skipRules, bar: 0.70},
	}
	for i, v := range variants[1:] {
		rules, err := rulesFile(fmt.Sprintf("bench%d", i), v.rules, v.limits)
		if err != nil {
			return err
		}
		if v.server, err = b.startGateway(fmt.Sprintf("chain%d", i), rules, false); err != nil {
			return err
		}
		if err := v.server.bindUsers(ctx); err != nil {
			return err
		}
		if v.rules > 0 {
			if err := timeCompile(ctx, v.server, rules, g); err != nil {
				return err
			}
		}
	}
	script := filepath.Join(b.dir, "players.lua")
	if err := os.WriteFile(script, requestScript(0), 0o644); err != nil {
		return err
	}
	fmt.Printf("%d rounds of %s, %d connections, one worker, in turn\n", b.rounds, b.duration, b.connections)
	for round := range b.rounds + 1 {
		for _, v := range variants {
			duration := b.duration
			if round == 0 { // caches, traces of the JIT, connections
				duration = time.Second
			}
			m, err := b.load(ctx, v.server, script, round, duration)
			if err != nil {
				return err
			}
			if round > 0 {
				v.samples = append(v.samples, m)
			}
		}
	}
	report(variants, g)
	for _, v := range variants {
		if err := b.stop(v.server); err != nil {
			return err
		}
	}
	return nil
}

// Medians of a variant.
func (v *variant) perSec() float64 {
	return median(v.samples, func(s sample) float64 { return s.perSec })
}

func (v *variant) cpu() float64 {
	return median(v.samples, func(s sample) float64 { return float64(s.cpu) / 1e3 })
}

func (v *variant) p50() float64 {
	return median(v.samples, func(s sample) float64 { return float64(s.p50) / 1e6 })
}

func (v *variant) p99() float64 {
	return median(v.samples, func(s sample) float64 { return float64(s.p99) / 1e6 })
}

func report(variants []*variant, g *gate) {
	fmt.Printf("\n  %-28s %10s %8s %8s %12s %12s\n", "median", "requests/s", "p50 ms", "p99 ms", "CPU µs/req", "least µs/req")
	for _, v := range variants {
		least := v.samples[0].cpu
		for _, s := range v.samples {
			least = min(least, s.cpu)
		}
		fmt.Printf("  %-28s %10.0f %8.2f %8.2f %12.2f %12.2f\n", v.name, v.perSec(), v.p50(), v.p99(), v.cpu(), float64(least)/1e3)
	}
	fmt.Println()
	plain := variants[0]
	for _, v := range variants[1:] {
		g.atLeast(v.name+": CPU, plain / chain", v.against(plain, func(s sample) float64 { return 1 / float64(s.cpu) }), v.bar)
	}
	full := variants[1]
	g.atMost(full.name+": p99, chain / plain", full.against(plain, func(s sample) float64 { return float64(s.p99) }), 1.5)
	fmt.Printf("  %-52s %8.3g\n\n", full.name+": requests/s, chain / plain", full.against(plain, func(s sample) float64 { return s.perSec }))
}

// against is the median over the rounds of what value is for v, divided by what it is for base.
func (v *variant) against(base *variant, value func(sample) float64) float64 {
	ratios := make([]float64, len(v.samples))
	for i := range ratios {
		ratios[i] = value(v.samples[i]) / value(base.samples[i])
	}
	return median(ratios, func(r float64) float64 { return r })
}

// bindUsers tells the gateway whose the tokens of our requests are, as a supervisor does after a start.
func (s *server) bindUsers(ctx context.Context) error {
	type user struct {
		Scope     string `json:"scope"`
		TokenHash string `json:"token_hash"`
		UserID    string `json:"user_id"`
	}
	var users []user
	for i := range clients {
		users = append(users, user{"1", tokenHash(token(i)), fmt.Sprintf("user%d", i)})
	}
	body, err := json.Marshal(map[string]any{"users": users})
	if err != nil {
		return err
	}
	return s.admin(ctx, http.MethodPut, "/users", body)
}

// admin calls the admin socket.
func (s *server) admin(ctx context.Context, method, path string, body []byte) error {
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", nginx.AdminSocket(filepath.Join(s.root, "run")))
		},
	}, Timeout: time.Minute}
	req, err := http.NewRequestWithContext(ctx, method, "http://admin"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s %s", method, path, res.Status, answer)
	}
	return err
}

// timeCompile times the compilation of a large rule set as the worker's processor sees it.
func timeCompile(ctx context.Context, s *server, rules []byte, g *gate) error {
	const times = 5
	var took []time.Duration
	for range times {
		before, err := cpuTime(s.worker)
		if err != nil {
			return err
		}
		if err := s.admin(ctx, http.MethodPut, "/rules?dry_run=1", rules); err != nil {
			return err
		}
		after, err := cpuTime(s.worker)
		if err != nil {
			return err
		}
		took = append(took, after-before)
	}
	g.atMost("5000 URI rules: ms to compile (two profiles)", median(took, func(d time.Duration) float64 { return float64(d) / 1e6 }), 200)
	return nil
}
