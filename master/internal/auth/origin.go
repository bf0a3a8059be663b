package auth

import (
	"fmt"
	"net/http"
	"net/url"
)

// CrossOrigin refuses writes that another site's page makes with a browser's cookie: deny answers them. publicURL is
// where browsers reach the master when a proxy changes the Host header; nil: not known.
func CrossOrigin(publicURL *url.URL, deny http.Handler) (*http.CrossOriginProtection, error) {
	guard := http.NewCrossOriginProtection()
	if publicURL != nil {
		if err := guard.AddTrustedOrigin(publicURL.Scheme + "://" + publicURL.Host); err != nil {
			return nil, fmt.Errorf("PUBLIC_URL: %w", err)
		}
	}
	guard.SetDenyHandler(deny)
	return guard, nil
}
