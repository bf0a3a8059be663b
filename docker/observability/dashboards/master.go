package main

var master = board{
	uid: "uhd-master", title: "Media gateway / Master",
	about:  "主控端：Slave API、管理 API、会话裁决、配额汇总、数据库与进程。",
	filter: "instance", among: `label_values(uhd_ready{job="uhd-master"}, instance)`,
	links: []string{"uhd-fleet", "uhd-slave", "uhd-telemetry"},
	rows: []row{
		{"Slaves", []panel{
			{"stat", "Ready", "1 表示数据库可用。", count, 4, "0:red 1:green", []query{{`uhd_ready{job="uhd-master",instance=~"$instance"}`, "{{instance}}"}}},
			{"stat", "Waiting slaves", "正在等待配置变化的 Slave 连接数。", count, 4, "", []query{{`sum(uhd_slaves_waiting{instance=~"$instance"})`, ""}}},
			{"stat", "Last publish", "最近一次发布配置的时间。", date, 4, "", []query{{`max(uhd_config_published_timestamp_seconds{instance=~"$instance"}) * 1000`, ""}}},
			{"stat", "Bans and throttles by people", "由管理员设置、正在生效的封禁与限速。", count, 4, "", []query{{`max(uhd_enforcements_in_force{instance=~"$instance",by="admin"})`, ""}}},
			{"stat", "Bans and throttles by quotas", "由配额自动产生、正在生效的封禁与限速。", count, 4, "", []query{{`max(uhd_enforcements_in_force{instance=~"$instance",by="quota"})`, ""}}},
			{"stat", "Kicks in force", "被踢出、正被拒绝的会话数。", count, 4, "", []query{{`max(uhd_kicks_in_force{instance=~"$instance"})`, ""}}},
			{"timeseries", "Slave API by route", "Slave 的请求，每秒次数，按接口。", perSecond, 8, "", []query{{`sum by (route) (rate(uhd_slave_requests_total{instance=~"$instance"}[$__rate_interval]))`, "{{route}}"}}},
			{"timeseries", "Slave API: answers that are errors", "4xx 与 5xx 应答，每秒次数。401/403 说明令牌无效或服务器被停用。", perSecond, 8, "", []query{{`sum by (code) (rate(uhd_slave_requests_total{instance=~"$instance",code=~"[45].."}[$__rate_interval]))`, "{{code}}"}}},
			{"timeseries", "Connections", "API 的打开连接数（包括等待中的 Slave），以及因达到上限而被拒绝的连接（每秒）。", count, 8, "", []query{
				{`uhd_http_connections{instance=~"$instance"}`, "open {{instance}}"},
				{`rate(uhd_http_refused_connections_total{instance=~"$instance"}[$__rate_interval])`, "refused per second {{instance}}"},
			}},
			{"timeseries", "Slaves told to come back later", "因同类请求过多而被要求稍后再来的请求，每秒次数，按种类。", perSecond, 8, "", []query{{`sum by (kind) (rate(uhd_slave_requests_sent_away_total{instance=~"$instance"}[$__rate_interval]))`, "{{kind}}"}}},
			{"timeseries", "Acks", "Slave 的确认（1 小时内）：applied 或 failed。", count, 8, "", []query{{`sum by (status) (increase(uhd_acks_total{instance=~"$instance"}[1h]))`, "{{status}}"}}},
		}},
		{"Publishing", []panel{
			{"timeseries", "Publishes", "发布次数（1 小时内），按结果；invalid、preflight、busy、stale 为被拒绝。", count, 8, "", []query{{`sum by (result) (increase(uhd_publishes_total{instance=~"$instance"}[1h]))`, "{{result}}"}}},
			{"timeseries", "Rollouts", "进行中的灰度与定时发布，按状态。", count, 8, "", []query{{`max by (state) (uhd_rollouts{instance=~"$instance"})`, "{{state}}"}}},
			{"timeseries", "Preflights", "预检次数（1 小时内），按结果；not_run 表示主控端没有可用的 nginx。", count, 8, "", []query{{`sum by (result) (increase(uhd_preflight_runs_total{instance=~"$instance"}[1h]))`, "{{result}}"}}},
		}},
		{"Sessions and quotas", []panel{
			{"timeseries", "Live streams", "全部 Slave 上计数的播放会话。", count, 8, "", []query{{`uhd_sessions_live{instance=~"$instance"}`, "{{instance}}"}}},
			{"timeseries", "Check-ins", "播放登记，每秒次数，按结果。", perSecond, 8, "", []query{{`sum by (outcome) (rate(uhd_session_checkins_total{job="uhd-master",instance=~"$instance"}[$__rate_interval]))`, "{{outcome}}"}}},
			{"timeseries", "Time of check-ins", "裁决一次播放的耗时；Slave 最多等 250 毫秒。", seconds, 8, "", []query{
				{`histogram_quantile(0.5, sum by (le) (rate(uhd_session_checkin_seconds_bucket{instance=~"$instance"}[$__rate_interval])))`, "p50"},
				{`histogram_quantile(0.99, sum by (le) (rate(uhd_session_checkin_seconds_bucket{instance=~"$instance"}[$__rate_interval])))`, "p99"},
			}},
			{"timeseries", "Why sessions end", "会话结束的原因，每秒次数。", perSecond, 8, "", []query{{`sum by (cause) (rate(uhd_session_ends_total{instance=~"$instance"}[$__rate_interval]))`, "{{cause}}"}}},
			{"timeseries", "Quota syncs", "配额同步的平均耗时。", seconds, 8, "", []query{{`sum(rate(uhd_quota_sync_seconds_sum{instance=~"$instance"}[$__rate_interval])) / sum(rate(uhd_quota_sync_seconds_count{instance=~"$instance"}[$__rate_interval]))`, "mean"}}},
			{"timeseries", "Enforcements by quotas", "配额产生与解除的处置（1 小时内）。", count, 8, "", []query{
				{`sum(increase(uhd_quota_enforcements_made_total{instance=~"$instance"}[1h]))`, "made"},
				{`sum(increase(uhd_quota_enforcements_lifted_total{instance=~"$instance"}[1h]))`, "lifted"},
			}},
		}},
		{"Admin API and database", []panel{
			{"timeseries", "Admin API by status", "管理 API 的请求，每秒次数，按状态码。", perSecond, 8, "", []query{{`sum by (status) (rate(uhd_admin_requests_total{instance=~"$instance"}[$__rate_interval]))`, "{{status}}"}}},
			{"timeseries", "Admin API by operation", "管理 API 的请求，每秒次数，按操作（前 10）。", perSecond, 8, "", []query{{`topk(10, sum by (operation) (rate(uhd_admin_requests_total{instance=~"$instance"}[$__rate_interval])))`, "{{operation}}"}}},
			{"timeseries", "Failures that are tried again", "各后台工作的失败，每秒次数。正常为 0。", perSecond, 8, "", []query{
				{`rate(uhd_store_watch_failures_total{instance=~"$instance"}[$__rate_interval])`, "changes of replicas"},
				{`rate(uhd_limits_reload_failures_total{instance=~"$instance"}[$__rate_interval])`, "limits"},
				{`rate(uhd_quota_failures_total{instance=~"$instance"}[$__rate_interval])`, "quotas"},
				{`rate(uhd_session_cleanup_failures_total{instance=~"$instance"}[$__rate_interval])`, "sessions"},
				{`rate(uhd_erasure_failures_total{instance=~"$instance"}[$__rate_interval])`, "erasures"},
			}},
			{"timeseries", "PostgreSQL: connections at work", "正在使用的连接数（不含遥测）。仅 PostgreSQL。", count, 8, "", []query{{`uhd_store_connections_used{instance=~"$instance"}`, "{{instance}}"}}},
			{"timeseries", "PostgreSQL: waiting for connections", "每秒为等待连接花费的秒数。仅 PostgreSQL。", seconds, 8, "", []query{{`rate(uhd_store_connection_wait_seconds_total{instance=~"$instance"}[$__rate_interval])`, "{{instance}}"}}},
			{"timeseries", "PostgreSQL: hears of changes", "1 表示即时得知其他副本的变更，0 表示最多晚 2 秒。仅 PostgreSQL。", count, 8, "", []query{{`uhd_store_listening{instance=~"$instance"}`, "{{instance}}"}}},
		}},
		{"Process", []panel{
			{"timeseries", "CPU", "占用的 CPU 核数。", cores, 8, "", []query{{`rate(process_cpu_seconds_total{job="uhd-master",instance=~"$instance"}[$__rate_interval])`, "{{instance}}"}}},
			{"timeseries", "Memory", "占用的内存。", bytesUnit, 8, "", []query{{`process_resident_memory_bytes{job="uhd-master",instance=~"$instance"}`, "{{instance}}"}}},
			{"timeseries", "Goroutines", "协程数；持续上升意味着泄漏。", count, 8, "", []query{{`go_goroutines{job="uhd-master",instance=~"$instance"}`, "{{instance}}"}}},
		}},
	},
}
