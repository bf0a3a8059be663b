package main

var fleet = board{
	uid: "uhd-fleet", title: "Media gateway / Fleet",
	about: "整个网关集群：每台主机的 Slave 是否在线、运行哪个配置版本，以及请求、拒绝和流量的总量。",
	links: []string{"uhd-slave", "uhd-master", "uhd-telemetry"},
	rows: []row{
		{"Hosts, as the masters know them", []panel{
			{"stat", "Slaves heard of", "主控端知道的 Slave 总数。", count, 4, "", []query{{`count(max by (host, service_type) (uhd_slave_last_seen_timestamp_seconds))`, ""}}},
			{"stat", "Silent slaves", "超过 5 分钟没有心跳的 Slave 数。正常为 0。", count, 4, "0:green 1:red", []query{{`count(time() - max by (host, service_type) (uhd_slave_last_seen_timestamp_seconds) > 300) or vector(0)`, ""}}},
			{"stat", "Applied", "已成功应用当前配置的主机数。", count, 4, "0:green", []query{{`sum(max by (host, service_type) (uhd_distribution_status{status="applied"})) or vector(0)`, ""}}},
			{"stat", "On the way", "配置已发布但尚未应用（pending 或 delivered）的主机数。长时间不为 0 需要检查。", count, 4, "0:green 1:orange", []query{{`sum(max by (host, service_type) (uhd_distribution_status{status=~"pending|delivered"})) or vector(0)`, ""}}},
			{"stat", "Failed", "拒绝了当前配置的主机数，它们继续运行上一个版本。正常为 0。", count, 4, "0:green 1:red", []query{{`sum(max by (host, service_type) (uhd_distribution_status{status="failed"})) or vector(0)`, ""}}},
			{"stat", "Live streams", "所有 Slave 上正在计数的播放会话总数。", count, 4, "", []query{{`max(uhd_sessions_live)`, ""}}},
			{"table", "Last heard of", "每台主机最后一次心跳或确认的时间。", date, 12, "", []query{{`max by (host, service_type) (uhd_slave_last_seen_timestamp_seconds) * 1000`, ""}}},
			{"table", "What became of the configuration in force", "每台主机对当前配置的处理结果：pending、delivered、applied 或 failed。", count, 12, "", []query{{`max by (host, service_type, status) (uhd_distribution_status)`, ""}}},
		}},
		{"Requests, as the slaves answer them", []panel{
			{"timeseries", "Requests", "每个 Slave 每秒应答的请求数。", perSecond, 12, "", []query{{`sum by (instance) (rate(uhd_requests_total[$__rate_interval]))`, "{{instance}}"}}},
			{"timeseries", "Refused", "被访问规则拒绝的请求占比，按 Slave。突然升高通常意味着规则过严或有人在攻击。", ratio, 12, "", []query{{`sum by (instance) (rate(uhd_requests_total{verdict="reject"}[$__rate_interval])) / sum by (instance) (rate(uhd_requests_total[$__rate_interval]))`, "{{instance}}"}}},
			{"timeseries", "Sent to players", "每个 Slave 每秒发给播放器的字节数。", bytesPerS, 12, "", []query{{`sum by (instance) (rate(uhd_sent_bytes_total[$__rate_interval]))`, "{{instance}}"}}},
			{"timeseries", "Server errors", "5xx 应答占比，按 Slave：媒体服务器或网关自身出错。", ratio, 12, "", []query{{`sum by (instance) (rate(uhd_requests_total{status="5xx"}[$__rate_interval])) / sum by (instance) (rate(uhd_requests_total[$__rate_interval]))`, "{{instance}}"}}},
			{"timeseries", "Streams", "每个 Slave 上最近 90 秒内有数据的播放会话数。", count, 12, "", []query{{`uhd_sessions_active`, "{{instance}}"}}},
			{"timeseries", "Refusals by reason", "全部 Slave 的拒绝原因，每秒次数。", perSecond, 12, "", []query{{`sum by (reason) (rate(uhd_refused_requests_total[$__rate_interval]))`, "{{reason}}"}}},
		}},
		{"Slaves", []panel{
			{"timeseries", "Ready", "1 表示能为播放器服务，0 表示不能。", count, 8, "", []query{{`uhd_ready{job="uhd-slave"}`, "{{instance}}"}}},
			{"table", "Versions", "各程序的版本。滚动升级期间会有多个版本。", count, 8, "", []query{{`count by (job, instance, version) (uhd_build_info)`, ""}}},
			{"table", "Certificates end", "各证书的到期时间。", date, 8, "", []query{{`min by (instance, path) (uhd_certificate_expiry_timestamp_seconds) * 1000`, ""}}},
		}},
	},
}
