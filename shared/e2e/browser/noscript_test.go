package browser

import (
	"testing"

	"github.com/uhdadmin/media-gateway/shared/showcase"
)

// TestWithoutScripts: where JavaScript is off, all that is written is written, in Chinese and on a phone.
func TestWithoutScripts(t *testing.T) {
	m := startMaster(t)
	fleet, err := showcase.Fill(t.Context(), m.Admin, m.URL, showcase.Config{Rows: 300, Streams: 1})
	must(t, err)
	tab := open(t, m, look{language: "zh-CN", width: 360, noScript: true})
	tab.signIn()

	tab.visit("/admin/servers")
	tab.follow("main", "添加服务器")
	tab.fill("main form.edit", "名称", "阁楼", "主机", "203.0.113.20", "域名", "attic.example.com", "地址", "203.0.113.20:8096")
	tab.follow("main form.edit", "保存")
	tab.wantText(".notice", "已创建")

	tab.visit("/admin/uri-rules/new")
	tab.fill("main form.edit", "名称", "不许下载", "匹配方式", "regex", "匹配内容", "(没有结尾")
	tab.follow("main form.edit", "保存")
	tab.wantText("main .error", "")
	tab.wantUsable("a refused rule")
	tab.fill("main form.edit", "匹配内容", "^/Sync/")
	tab.follow("main form.edit", "保存")
	tab.wantText(".notice", "已创建")

	tab.visit("/admin/publish")
	tab.fill(`form[action="/admin/publish"]`, "说明", "没有脚本")
	tab.press(`form[action="/admin/publish"] .buttons button`)
	tab.wantText("main", "没有脚本")
	tab.wantUsable("a publish")

	tab.visit("/admin/sessions")
	tab.wantText("main", fleet.Servers[0].Host)
	tab.wantUsable("a stream")
	tab.click("main", "踢下线")
	tab.follow("main form", "踢下线")
	tab.wantText(".notice", "已踢下线")
	tab.wantText("main", "没有人在播放")
}
