package telemetry

import "strings"

// otherEndpoint stands for paths that are none of a media server's, and for what is beyond maxEndpoints.
const otherEndpoint = "/other"

// Bounds of what a scanner can make of api_calls.
const (
	maxEndpoints = 2000 // until the next hour
	maxSegments  = 6
)

// endpoints turns paths into templates. It is for one goroutine.
type endpoints struct {
	known map[string]string
	buf   []byte
}

// template returns the path as an endpoint: in lower case, without the prefix /emby or /mediabrowser, and
// with {id} in place of every part that media servers' APIs do not name, as in
// /users/{id}/items/{id}.
func (e *endpoints) template(path string) string {
	e.buf = e.buf[:0]
	segments, prefixed := 0, false
	for path != "" {
		var segment string
		segment, path, _ = strings.Cut(strings.TrimLeft(path, "/"), "/")
		if segment == "" {
			continue
		}
		start := len(e.buf)
		e.buf = append(e.buf, '/')
		for i := range min(len(segment), 32) {
			c := segment[i]
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			e.buf = append(e.buf, c)
		}
		word := e.buf[start+1:]
		if segments == 0 && !prefixed && (string(word) == "emby" || string(word) == "mediabrowser" || string(word) == "jellyfin") {
			e.buf, prefixed = e.buf[:start], true
			continue
		}
		if dot := strings.IndexByte(string(word), '.'); dot > 0 && words[string(word[:dot])] { // stream.mkv
			e.buf = e.buf[:start+1+dot]
		} else if len(segment) > 32 || !words[string(word)] {
			if segments == 0 {
				return otherEndpoint
			}
			e.buf = append(e.buf[:start], "/{id}"...)
		}
		if segments++; segments == maxSegments {
			break
		}
	}
	if segments == 0 {
		return "/"
	}
	if known, ok := e.known[string(e.buf)]; ok {
		return known
	}
	if len(e.known) >= maxEndpoints {
		return otherEndpoint
	}
	if e.known == nil {
		e.known = map[string]string{}
	}
	made := string(e.buf)
	e.known[made] = made
	return made
}

// forget makes room for new templates.
func (e *endpoints) forget() { clear(e.known) }

// words are the parts of paths that Emby's and Jellyfin's APIs name.
var words = wordSet(`
	activeencodings activitylog additionalparts albums alternatesources ancestors apiclient artists audio
	auth authenticate authenticatebyname authenticatewithquickconnect backdrop branding capabilities channels
	clientlog collections command config configuration configurationpage connect counts css days delete
	deletealternatesources devices dictionaries displaypreferences download embywebsocket endpoint entries
	environment episodes exchange favicon favoriteitems features file filters filters2 folders fonts full
	general genres groupingoptions groups guide hls hls1 identify images index info instantmix intros
	items jobs joingroup keys latest library libraries list live livestreamfiles livestreams livetv
	localization localtrailers log logo logout logs lyrics main master media mediafolders mediainfo mediasegments
	mediaupdate message metadata missing movies music musicgenres musicvideos name network nextup notifications
	options original packages palette parentalratings password people persons phrases ping pinned playback playbackinfo
	playeditems playing playingitems playlist playlists plugins policy prefixes primary programs progress providers public
	queue quickconnect ratings recent recommendations recordings refresh remoteimages remotesearch reports
	repositories resume root scheduledtasks search seasons series sessions settings shows similar socket
	songs specialfeatures splashscreen startup stop stopped storage stream streaming streams studios
	subtitle subtitles suggestions swagger sync syncplay system tasks test themedata thememedia themesongs themes
	themevideos thumb timers trailers transcodes trickplay triggers tuners tvchannels universal upcoming
	userdata userimage userimages users userviews utctime utcoffset videos video viewing views virtualfolders
	volume web websocket years`)

func wordSet(text string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(text) {
		set[word] = true
	}
	return set
}
