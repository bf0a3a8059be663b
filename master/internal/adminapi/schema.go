package adminapi

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/library"
)

const upstreamTakes = `takes "host:port" or a list of {"address": "host:port", "weight": 1}`

// upstreamSchema tells both forms of a server's upstream.
func upstreamSchema(server *huma.Schema) {
	one := 1.0
	target := &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"address"},
		Properties: map[string]*huma.Schema{
			"address": {Type: huma.TypeString, Description: "host:port"},
			"weight":  {Type: huma.TypeInteger, Minimum: &one, Description: "1 when absent"},
		},
	}
	server.Properties["upstream"] = &huma.Schema{
		Description: upstreamTakes,
		AnyOf:       []*huma.Schema{{Type: huma.TypeString}, {Type: huma.TypeArray, Items: target}},
	}
}

// settingSchema tells which settings there are and what each takes.
func settingSchema(setting *huma.Schema) {
	for _, name := range library.SettingNames {
		setting.Properties["name"].Enum = append(setting.Properties["name"].Enum, name)
	}
	setting.Properties["value"] = &huma.Schema{
		Description: `trusted_proxies takes a list of networks, as in ["203.0.113.0/24"]; real_ip_header the name of the header in which they tell the client's address, X-Forwarded-For without this setting; telemetry_addresses what is stored of clients' addresses from now on: "full", "truncated" (IPv4 to /24, IPv6 to /48) or "none"`,
		AnyOf:       []*huma.Schema{{Type: huma.TypeString}, {Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}}},
	}
}
