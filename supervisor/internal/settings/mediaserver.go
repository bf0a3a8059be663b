package settings

import (
	"errors"
	"net/url"
	"strings"
)

// MediaServer is where a media server's own API is.
type MediaServer struct {
	URL string // without a trailing slash
	Key string // "" for none
}

const (
	takesMediaURL = "the media server's URL, as in http://192.0.2.5:8096, or for a host with several of them server id=URL for each, separated by commas"
	takesMediaKey = "an API key of the media server, or server id=key for each of several, separated by commas"
)

// MediaServers returns EMBY_SERVER_URL and EMBY_API_KEY by server id; under "" what is said without one.
func (s *Settings) MediaServers() (map[string]MediaServer, error) {
	urls, err := byServer(s.MediaServerURL)
	if err != nil {
		return nil, wrong("EMBY_SERVER_URL", err.Error(), takesMediaURL)
	}
	keys, err := byServer(s.MediaServerKey)
	if err != nil {
		return nil, wrong("EMBY_API_KEY", err.Error(), takesMediaKey)
	}
	servers := make(map[string]MediaServer, len(urls))
	for id, address := range urls {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
			return nil, wrong("EMBY_SERVER_URL", "holds what is no http or https URL", takesMediaURL)
		}
		servers[id] = MediaServer{URL: strings.TrimRight(address, "/"), Key: keys[id]}
		delete(keys, id)
	}
	for id := range keys { // for want of a URL
		if id == "" {
			return nil, wrong("EMBY_API_KEY", "is of no server id, and EMBY_SERVER_URL names server ids or nothing", takesMediaKey)
		}
		return nil, wrong("EMBY_API_KEY", "is of server id "+id+", which EMBY_SERVER_URL does not name", takesMediaKey)
	}
	for id, server := range servers {
		if strings.ContainsFunc(server.Key, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, wrong("EMBY_API_KEY", "holds a space or a character that no header carries, server id "+id, takesMediaKey)
		}
	}
	return servers, nil
}

// byServer splits id=value,id=value; a value alone is of "".
func byServer(text string) (map[string]string, error) {
	values := map[string]string{}
	if text == "" {
		return values, nil
	}
	if id, _, named := strings.Cut(text, "="); !named || strings.Contains(id, "/") { // of a URL, rather
		if strings.Contains(text, ",") {
			return nil, errors.New("holds several values without server ids")
		}
		values[""] = text
		return values, nil
	}
	for each := range strings.SplitSeq(text, ",") {
		id, value, _ := strings.Cut(strings.TrimSpace(each), "=")
		if id == "" || value == "" {
			return nil, errors.New("holds an entry that is not id=value")
		}
		if _, twice := values[id]; twice {
			return nil, errors.New("names server id " + id + " twice")
		}
		values[id] = value
	}
	return values, nil
}
