package standin

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// keepAlive is how often clients are told to say that they are there; servers hang up after twice that.
const keepAlive = 60 * time.Second

// message is what goes over the websocket, both ways.
type message struct {
	MessageType string
	MessageID   string `json:"MessageId,omitempty"`
	Data        any    `json:",omitempty"`
}

// socket is the connection over which servers tell clients what happens: it asks for keep-alives and
// answers each.
func (s *Server) socket(w http.ResponseWriter, r *http.Request, _ *session) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // players come from any origin
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = conn.CloseNow() }()
	if send(r.Context(), conn, message{MessageType: "ForceKeepAlive", Data: int(keepAlive.Seconds())}) != nil {
		return
	}
	for {
		ctx, cancel := context.WithTimeout(r.Context(), 2*keepAlive)
		_, data, err := conn.Read(ctx)
		cancel()
		if err != nil {
			return // the client hung up or fell silent
		}
		var in message
		if json.Unmarshal(data, &in) != nil || in.MessageType != "KeepAlive" {
			continue
		}
		if send(r.Context(), conn, message{MessageType: "KeepAlive", MessageID: newID()}) != nil {
			return
		}
	}
}

func send(ctx context.Context, conn *websocket.Conn, m message) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return conn.Write(ctx, websocket.MessageText, data)
}
