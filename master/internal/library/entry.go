package library

import "github.com/uhdadmin/media-gateway/shared/api"

// Entry is what everything that profiles select has in common.
type Entry struct {
	ID          int64
	ServiceType api.ServiceType
	Enabled     bool
}

// Fits reports whether a default profile of the service type takes the entry.
func (e Entry) Fits(serviceType api.ServiceType) bool {
	return e.Enabled && (e.ServiceType == All || e.ServiceType == serviceType)
}

// Entry of the player.
func (p *Player) Entry() Entry { return Entry{p.ID, p.ServiceType, p.Enabled} }

// Entry of the rule.
func (r *URIRule) Entry() Entry { return Entry{r.ID, r.ServiceType, r.Enabled} }

// Entry of the rule.
func (r *LocationRule) Entry() Entry { return Entry{r.ID, r.ServiceType, r.Enabled} }

// Entry of the map.
func (m *NginxMap) Entry() Entry { return Entry{m.ID, m.ServiceType, m.Enabled} }

// Entry of the header.
func (h *ProxyHeader) Entry() Entry { return Entry{h.ID, h.ServiceType, h.Enabled} }
