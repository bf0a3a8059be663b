package main

var slave = board{
	uid: "uhd-slave", title: "Media gateway / One slave",
	about:  "单个 Slave：请求、访问控制、nginx、配置流水线、日志缓冲、Redis 与配额。",
	filter: "instance", among: `label_values(uhd_ready{job="uhd-slave"}, instance)`,
	links: []string{"uhd-fleet", "uhd-master", "uhd-telemetry"},
	rows: []row{
		{"Now", []panel{
			{"stat", "Ready", "1 表示能为播放器服务。", count, 4, "0:red 1:green", []query{{`uhd_ready{job="uhd-slave",instance=~"$instance"}`, "{{instance}}"}}},
			{"stat", "Serves since", "正在运行的配置的发布时间。", date, 5, "", []query{{`uhd_config_version{instance=~"$instance"} * 1000`, "{{instance}}"}}},
			{"stat", "Behind the master", "1 表示主控端要求的版本与正在运行的版本不同。", count, 3, "0:green 1:orange", []query{{`uhd_config_version{instance=~"$instance"} != bool uhd_config_wanted_version{instance=~"$instance"}`, "{{instance}}"}}},
			{"stat", "Streams", "最近 90 秒内有数据的播放会话数。", count, 4, "", []query{{`uhd_sessions_active{instance=~"$instance"}`, "{{instance}}"}}},
			{"stat", "Redis takes counters", "1 表示 Redis 正在接收计数器；0 时计数保存在本地磁盘。", count, 4, "0:red 1:green", []query{{`uhd_usage_store_up{instance=~"$instance",store="redis"}`, "{{instance}}"}}},
			{"stat", "Certificate ends", "最早到期的证书。", date, 4, "", []query{{`min by (instance) (uhd_certificate_expiry_timestamp_seconds{instance=~"$instance"}) * 1000`, "{{instance}}"}}},
		}},
		{"Requests", []panel{
			{"timeseries", "Answers by status", "每秒应答数，按状态码类别。", perSecond, 8, "", []query{{`sum by (status) (rate(uhd_requests_total{instance=~"$instance"}[$__rate_interval]))`, "{{status}}"}}},
			{"timeseries", "Refusals by reason", "每秒拒绝数，按原因。", perSecond, 8, "", []query{{`sum by (reason) (rate(uhd_refused_requests_total{instance=~"$instance"}[$__rate_interval]))`, "{{reason}}"}}},
			{"timeseries", "Time of answers", "非播放、未被拒绝的请求的耗时（p50、p95、p99）。", seconds, 8, "", []query{
				{`histogram_quantile(0.5, sum by (le) (rate(uhd_request_seconds_bucket{instance=~"$instance"}[$__rate_interval])))`, "p50"},
				{`histogram_quantile(0.95, sum by (le) (rate(uhd_request_seconds_bucket{instance=~"$instance"}[$__rate_interval])))`, "p95"},
				{`histogram_quantile(0.99, sum by (le) (rate(uhd_request_seconds_bucket{instance=~"$instance"}[$__rate_interval])))`, "p99"},
			}},
			{"timeseries", "Sent to players", "每秒发给播放器的字节数，传输过程中即计入。", bytesPerS, 8, "", []query{{`sum by (instance) (rate(uhd_sent_bytes_total{instance=~"$instance"}[$__rate_interval]))`, "{{instance}}"}}},
			{"timeseries", "Check-ins of playbacks", "播放会话的登记结果，以及由谁决定（主控端或本机）。", perSecond, 8, "", []query{{`sum by (result, by) (rate(uhd_session_checkins_total{job="uhd-slave",instance=~"$instance"}[$__rate_interval]))`, "{{result}} by {{by}}"}}},
			{"timeseries", "Logins", "经网关的登录，成功与失败。失败激增可能是撞库。", perSecond, 8, "", []query{{`sum by (result) (rate(uhd_logins_total{instance=~"$instance"}[$__rate_interval]))`, "{{result}}"}}},
		}},
		{"Access control", []panel{
			{"timeseries", "Decisions in force", "除规则外正在生效的决定：封禁、踢出、用尽的配额。", count, 8, "", []query{{`uhd_decisions_active{instance=~"$instance"}`, "{{instance}}"}}},
			{"timeseries", "Quotas exhausted", "当前已用尽的配额数。", count, 8, "", []query{{`uhd_quota_exhausted{instance=~"$instance"}`, "{{instance}}"}}},
			{"timeseries", "Questions of nginx to the supervisor", "nginx 工作进程询问 supervisor 的耗时 p99；超过 300 毫秒工作进程就不再等待。", seconds, 8, "", []query{{`histogram_quantile(0.99, sum by (call, le) (rate(uhd_local_request_seconds_bucket{instance=~"$instance"}[$__rate_interval])))`, "{{call}}"}}},
			{"timeseries", "Tokens known", "已知用户的令牌数。", count, 8, "", []query{{`uhd_identities_known{instance=~"$instance"}`, "{{instance}}"}}},
			{"timeseries", "Questions to the media server", "向媒体服务器 API 的查询，每秒次数，按结果。", perSecond, 8, "", []query{{`sum by (call, result) (rate(uhd_mediaserver_requests_total{instance=~"$instance"}[$__rate_interval]))`, "{{call}}: {{result}}"}}},
			{"timeseries", "Failures of pushes", "nginx 没有接受的决定、限制和身份，每秒次数。正常为 0。", perSecond, 8, "", []query{
				{`rate(uhd_decision_push_failures_total{instance=~"$instance"}[$__rate_interval])`, "decisions"},
				{`rate(uhd_limits_push_failures_total{instance=~"$instance"}[$__rate_interval])`, "limits"},
				{`rate(uhd_identity_push_failures_total{instance=~"$instance"}[$__rate_interval])`, "identities"},
			}},
		}},
		{"Configuration", []panel{
			{"timeseries", "Configurations", "经过流水线的配置数（15 分钟内），按结果和失败的阶段。", count, 8, "", []query{{`sum by (result, stage) (increase(uhd_config_applies_total{instance=~"$instance"}[15m]))`, "{{result}} {{stage}}"}}},
			{"timeseries", "Time of stages", "流水线各阶段的平均耗时。", seconds, 8, "", []query{{`sum by (stage) (increase(uhd_config_stage_seconds_sum{instance=~"$instance"}[1h])) / (sum by (stage) (increase(uhd_config_stage_seconds_count{instance=~"$instance"}[1h])) > 0)`, "{{stage}}"}}},
			{"timeseries", "Polls and heartbeats that failed", "主控端没有正常应答的轮询与心跳，每秒次数。", perSecond, 8, "", []query{
				{`rate(uhd_config_poll_errors_total{instance=~"$instance"}[$__rate_interval])`, "polls"},
				{`rate(uhd_heartbeat_errors_total{instance=~"$instance"}[$__rate_interval])`, "heartbeats"},
			}},
			{"timeseries", "nginx: starts and reloads", "nginx 的重启（意外退出）与重新加载（1 小时内）。", count, 8, "", []query{
				{`increase(uhd_nginx_restarts_total{instance=~"$instance"}[1h])`, "restarts"},
				{`sum by (result) (increase(uhd_nginx_reloads_total{instance=~"$instance"}[1h]))`, "reloads {{result}}"},
			}},
			{"timeseries", "Old workers", "旧一代工作进程：它们等正在进行的播放结束。", count, 8, "", []query{{`uhd_nginx_old_workers{instance=~"$instance"}`, "{{instance}}"}}},
			{"timeseries", "Memory of old workers", "旧工作进程占用的内存。", bytesUnit, 8, "", []query{{`uhd_nginx_old_workers_resident_bytes{instance=~"$instance"}`, "{{instance}}"}}},
			{"bargauge", "Shared dicts in use", "nginx 共享内存的使用率。rate_limit 和 telemetry_buffer 满了会淘汰最旧的条目，属正常。", ratio, 12, "0:green 0.9:orange", []query{{`1 - uhd_shared_dict_free_bytes{instance=~"$instance"} / uhd_shared_dict_capacity_bytes{instance=~"$instance"}`, "{{dict}}"}}},
			{"timeseries", "Edited files", "与发布内容不一致的受管文件数。", count, 12, "", []query{{`uhd_managed_files_drifted{instance=~"$instance"}`, "{{instance}}"}}},
		}},
		{"Logs, counters, process", []panel{
			{"timeseries", "Spool", "日志缓冲占 SPOOL_MAX_BYTES 的比例。", ratio, 8, "", []query{{`sum by (instance) (uhd_spool_bytes{instance=~"$instance"}) / on (instance) uhd_spool_limit_bytes`, "{{instance}}"}}},
			{"timeseries", "Behind with the log", "各消费者落后的时间。telemetry 落后几分钟以上说明主控端没有接收。", seconds, 8, "", []query{{`max by (consumer) (uhd_spool_lag_seconds{instance=~"$instance"})`, "{{consumer}}"}}},
			{"timeseries", "Counters in memory", "用量计数器的数量。", count, 8, "", []query{{`uhd_usage_counters{instance=~"$instance"}`, "{{instance}}"}}},
			{"timeseries", "Time to save counters", "最近一次保存计数器的耗时，按存储位置。", seconds, 8, "", []query{{`uhd_usage_save_seconds{instance=~"$instance"}`, "{{store}}"}}},
			{"timeseries", "CPU of the supervisor", "supervisor 占用的 CPU 核数。", cores, 8, "", []query{{`rate(process_cpu_seconds_total{job="uhd-slave",instance=~"$instance"}[$__rate_interval])`, "{{instance}}"}}},
			{"timeseries", "Memory of the supervisor", "supervisor 占用的内存。", bytesUnit, 8, "", []query{{`process_resident_memory_bytes{job="uhd-slave",instance=~"$instance"}`, "{{instance}}"}}},
		}},
	},
}
