package agent

import "context"

// answerRequests does what was asked for since the last turn.
func (a *Agent) answerRequests(ctx context.Context) {
	if a.drifted.Swap(false) {
		a.mendDrift()
	}
	if a.certificates.Swap(false) {
		if err := a.renewCertificates(ctx); err != nil && ctx.Err() == nil {
			a.metrics.applied("failed", "certificates")
			a.board.failed("certificates", err)
			a.sayCertificatesFailed(err)
		}
		a.pullNow.Store(true) // what waits in quarantine may have lacked a certificate
	}
}

// renewCertificates reloads nginx for the sake of files that a release only names. When they do not pass,
// nginx goes on with those it has in memory.
func (a *Agent) renewCertificates(ctx context.Context) error {
	if err := a.cfg.Nginx.Test(ctx, a.running.Dir); err != nil {
		return err
	}
	if _, err := a.awaitReload(ctx); err != nil {
		return err
	}
	if err := a.reloadNginx(ctx); err != nil {
		return err
	}
	if err := a.cfg.Nginx.Verify(ctx, a.running.Dir, a.running.Hash); err != nil {
		return err
	}
	a.log.Info("Nginx reloaded with new certificates")
	return nil
}

// mendDrift undoes edits of managed files; what cannot be undone now (a full disk) is tried again at the
// next turn. nginx does not notice either way: it has not read them.
func (a *Agent) mendDrift() {
	paths, err := a.cfg.Releases.Drift(a.running)
	if err == nil && len(paths) == 0 {
		return
	}
	a.metrics.drifts.Inc()
	if err == nil && a.cfg.KeepDrift {
		a.log.Warn("Managed files were edited and are kept, by DRIFT_POLICY: the next reload takes them", "files", paths)
		return
	}
	if err == nil {
		err = a.cfg.Releases.Restore(a.running)
	}
	if err != nil {
		a.board.failed("drift", err)
		a.log.Error("Managed files were edited and cannot be restored yet", "files", paths, "error", err)
		a.drifted.Store(true)
		return
	}
	a.log.Warn("Managed files were edited and are restored, by DRIFT_POLICY", "files", paths)
}
