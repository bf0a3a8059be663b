// Package api holds the wire types of the HTTP contract between master and slave, once, for both
// programs: what the master serves under /api/v1/media-slave and what a slave answers.
//
// Field names and JSON shapes are fixed: agents and masters of other versions rely on them. Fields may
// be added; none may be renamed or change its type.
package api

// Prefixes of the two halves of the slave API.
const (
	PathMediaSlave = "/api/v1/media-slave"
	PathSlave      = "/api/v1/slave"
)

// ModeMultiServer is the one value of Config.Mode: all servers of a host in one rendered file.
const ModeMultiServer = "multi_server"

// ServiceType is the kind of media server behind a gateway.
type ServiceType string

// The service types of the contract.
const (
	Emby     ServiceType = "emby"
	Jellyfin ServiceType = "jellyfin"
)
