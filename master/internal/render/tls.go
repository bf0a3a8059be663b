package render

import "github.com/uhdadmin/media-gateway/master/internal/library"

// Cipher suites of TLS 1.2 and older; those of 1.3 are all good. "intermediate" is what Mozilla recommends
// under that name (wiki.mozilla.org/Security/Server_Side_TLS, version 5.7); the level of "old" is what OpenSSL 3
// needs to speak TLS 1.0 at all.
const (
	intermediateCiphers = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" +
		"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305"
	oldCiphers = "DEFAULT:@SECLEVEL=0"
)

// Protocols of TLS that clients may speak.
func (c *common) Protocols() string {
	switch c.TLS {
	case library.TLSModern:
		return "TLSv1.3"
	case library.TLSOld:
		return "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3"
	}
	return "TLSv1.2 TLSv1.3"
}

// Ciphers that clients may use; "": those of the slave's OpenSSL.
func (c *common) Ciphers() string {
	switch c.TLS {
	case library.TLSIntermediate:
		return intermediateCiphers
	case library.TLSOld:
		return oldCiphers
	}
	return ""
}
