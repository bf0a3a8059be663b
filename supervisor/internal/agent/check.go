package agent

import (
	"errors"
	"fmt"
	"strings"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/nginxconf"
	"github.com/uhdadmin/media-gateway/supervisor/internal/release"
)

// check refuses what is damaged, what is not the master's, and what would take most of the servers away
// without saying that this is meant.
func (t *attempt) check(p *release.Payload) (err error) {
	defer t.enter("check")(&err)
	if p.DeclaredHash != "" && p.DeclaredHash != p.Hash {
		return fmt.Errorf("content hash is %s, the configuration says %s: it was damaged on its way, or a proxy changes it", p.Hash, p.DeclaredHash)
	}
	if t.want.ConfigHash != "" && t.want.ConfigHash != p.Hash && identityOf(t.want) == p.Identity {
		return fmt.Errorf("content hash is %s, the version check said %s", p.Hash, t.want.ConfigHash)
	}
	if err := t.checkSignature(p); err != nil {
		return err
	}
	if p.Mode != "" && p.Mode != api.ModeMultiServer {
		return fmt.Errorf("mode is %q, this agent knows %s: upgrade it", p.Mode, api.ModeMultiServer)
	}
	if p.AllowShrink {
		return nil
	}
	return checkShrink(p.RenderedNginx, serverCount(t.from), t.from.IsPlaceholder())
}

func (t *attempt) checkSignature(p *release.Payload) error {
	if len(t.cfg.PublicKeys) == 0 {
		return nil
	}
	if p.Signature == "" {
		return errors.New("not signed: set SIGNING_KEY at the master, or unset CONFIG_PUBLIC_KEY here")
	}
	if err := api.VerifySignature(p.Signature, api.SignedMessage(p.Hash, p.Version, p.Epoch), t.cfg.PublicKeys...); err != nil {
		return fmt.Errorf("CONFIG_PUBLIC_KEY: %w", err)
	}
	return nil
}

// checkShrink refuses an empty render, and one that drops more than half of the server blocks that
// serve. What does not parse is left to nginx -t, which names line and cause.
func checkShrink(rendered string, serving int, first bool) error {
	const cure = "publish with allow_shrink when that is meant"
	if strings.TrimSpace(rendered) == "" {
		return errors.New("empty render: " + cure)
	}
	directives, err := nginxconf.Parse([]byte(rendered))
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	n := len(nginxconf.Servers(directives))
	if n == 0 {
		return errors.New("empty render, no server block: " + cure)
	}
	if !first && n*2 < serving {
		return fmt.Errorf("%d of %d server blocks would go: %s", serving-n, serving, cure)
	}
	return nil
}
