package main

var telemetry = board{
	uid: "uhd-telemetry", title: "Media gateway / Telemetry",
	about: "遥测链路：从 Slave 的日志缓冲到主控端的数据库，积压、丢弃、重复与耗时。",
	links: []string{"uhd-fleet", "uhd-slave", "uhd-master"},
	rows: []row{
		{"Slaves", []panel{
			{"timeseries", "Rows taken by the master", "主控端已接收的行数，每秒，按 Slave。", rowsPerS, 8, "", []query{{`sum by (instance) (rate(uhd_telemetry_rows_total{job="uhd-slave"}[$__rate_interval]))`, "{{instance}}"}}},
			{"timeseries", "Waiting in the spool", "主控端尚未取得的字节数，按 Slave。", bytesUnit, 8, "", []query{{`sum by (instance) (uhd_spool_lag_bytes{consumer="telemetry"})`, "{{instance}}"}}},
			{"timeseries", "Behind", "遥测落后的时间，按 Slave。", seconds, 8, "", []query{{`max by (instance) (uhd_spool_lag_seconds{consumer="telemetry"})`, "{{instance}}"}}},
			{"timeseries", "Sent, compressed", "每秒发送的压缩后字节数，按 Slave。", bytesPerS, 8, "", []query{{`sum by (instance) (rate(uhd_telemetry_sent_bytes_total[$__rate_interval]))`, "{{instance}}"}}},
			{"timeseries", "Lost", "被丢弃、主控端永远得不到的字节（1 小时内）。正常为 0。", bytesUnit, 8, "", []query{{`sum by (instance) (increase(uhd_telemetry_lost_bytes_total[1h]))`, "{{instance}}"}}},
			{"timeseries", "Attempts that failed", "失败后会重试的发送，每秒次数，按原因（master 或 disk）。", perSecond, 8, "", []query{{`sum by (cause) (rate(uhd_telemetry_errors_total[$__rate_interval]))`, "{{cause}}"}}},
		}},
		{"Master", []panel{
			{"timeseries", "Rows stored by kind", "写入数据库的行数，每秒，按种类。", rowsPerS, 8, "", []query{{`sum by (kind) (rate(uhd_telemetry_rows_total{job="uhd-master"}[$__rate_interval]))`, "{{kind}}"}}},
			{"timeseries", "Rows that wait", "内存中等待写入的行数；达到 60000 时开始拒绝新的批次。", count, 8, "", []query{{`uhd_telemetry_waiting_rows`, "{{instance}}"}}},
			{"timeseries", "Time of transactions", "一次遥测事务的耗时。", seconds, 8, "", []query{
				{`histogram_quantile(0.5, sum by (le) (rate(uhd_telemetry_commit_seconds_bucket[$__rate_interval])))`, "p50"},
				{`histogram_quantile(0.99, sum by (le) (rate(uhd_telemetry_commit_seconds_bucket[$__rate_interval])))`, "p99"},
			}},
			{"timeseries", "Batches not stored", "被数据库拒绝、因积压被推回、以及重复的批次，每秒个数。", perSecond, 8, "", []query{
				{`sum(rate(uhd_telemetry_failed_batches_total[$__rate_interval]))`, "failed"},
				{`sum(rate(uhd_telemetry_refused_batches_total[$__rate_interval]))`, "sent away"},
				{`sum(rate(uhd_telemetry_duplicate_batches_total[$__rate_interval]))`, "duplicates"},
			}},
			{"timeseries", "Rows skipped", "无法存储而跳过的行（1 小时内），按原因。", count, 8, "", []query{{`sum by (cause) (increase(uhd_telemetry_skipped_rows_total[1h]))`, "{{cause}}"}}},
			{"timeseries", "Old rows deleted", "因超过保留期而删除的行（1 小时内），按表；以及清理失败次数。", count, 8, "", []query{
				{`sum by (table) (increase(uhd_telemetry_expired_rows_total[1h]))`, "{{table}}"},
				{`sum(increase(uhd_telemetry_retention_failures_total[1h]))`, "failures"},
			}},
		}},
	},
}
