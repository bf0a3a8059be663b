package adminapi

import "github.com/danielgtaylor/huma/v2"

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
