std = "ngx_lua"
max_line_length = 80
codes = true
files["lua/spec"] = { std = "ngx_lua+busted" }
