-- The access chain: skip list, block list, identity, enforcement, rate limits,
-- quotas, whitelist with minimum version, fake counts, concurrent streams. It
-- decides from this worker's compiled rules and from what the shared dicts
-- hold; only a token or a stream that is seen for the first time is asked
-- about, at the supervisor's socket.
--
-- A path on the skip list passes the block list, rate limits, whitelist and
-- fake counts. Bans, quotas and stream limits hold there too: they are there
-- for the streams that skip lists let through.

local config = require "uhd.config"
local decisions = require "uhd.decisions"
local deny = require "uhd.deny"
local entry = require "uhd.entry"
local fake_counts = require "uhd.fake_counts"
local login = require "uhd.login"
local probe = require "uhd.probe"
local query = require "uhd.query"
local rate_limiter = require "uhd.rate_limiter"
local reports = require "uhd.reports"
local request = require "uhd.request"
local routes = require "uhd.routes"
local streams = require "uhd.streams"


local BLOCK = routes.BLOCK
local COUNTS = routes.COUNTS
local SKIP = routes.SKIP
local check_rate = rate_limiter.check
local get_method = ngx.req.get_method
local ngx = ngx


local _M = {}


-- A browser asks leave for a cross-origin request without any header of the
-- request it is about: it cannot say which client it is.
local function is_preflight(var)
  return get_method() == "OPTIONS"
         and var.http_access_control_request_method ~= nil
end


-- Lets the request through at rate bytes per second at most.
local function throttle(var, rate, reason, rule)
  local present = tonumber(var.limit_rate) or 0
  if present == 0 or rate < present then
    var.limit_rate = rate
    entry.set_verdict("throttle", reason, rule)
  end
end


-- tables: bans or quotas, as decisions.of returns them.
local function enforce(tables, var, caller, session, profile)
  local user = caller.user_key or tables.user and request.claimed_user(var)
  local found = decisions.find(tables, caller.ip, user, caller.device_id,
                               session)
  if not found then
    return
  end

  if found.reject then
    return deny.refuse_by(found, profile.message)
  end

  throttle(var, found.rate_bps, found.reason, found.rule)
end


local function limit_rate(var, caller)
  local limit, wait = check_rate(caller.counters)
  if not limit then
    return
  end

  if wait then
    return deny.refuse_rate(limit, wait)
  end

  if limit.action == "throttle" then
    return throttle(var, limit.rate_bps, "rate_limited", limit.rule)
  end

  entry.set_verdict("warn", "rate_limited", limit.rule)
end


-- Refuses a client that the whitelist does not let in.
local function check_client(profile, var, caller)
  if caller.reason and not is_preflight(var) then
    return deny.refuse(caller.reason, profile.message, caller.minimum)
  end
end


-- Ends the request when it is refused or answered; returns its caller
-- otherwise. args: as query.read returns them, for a stream; streams_count:
-- whether a rule about streams wants to know whose it is.
local function check(sender, route, var, args, streams_count)
  local server = sender.server
  local profile = server.profile
  local decision = route.decision
  local limiter = decision ~= SKIP and server.limiter
  local counts_users = streams_count or limiter and limiter.by_user
  local view = decisions.of(server.scope)
  local caller = sender:caller(var)
  caller:resolve(decision ~= BLOCK and (view.by_user or counts_users))
  entry.write(var, caller, route, args)

  if decision == BLOCK then
    return deny.refuse("uri_blocked", profile.message)
  end

  local session = args and args.play_session_id
  if view.bans then
    enforce(view.bans, var, caller, session, profile)
  end

  if limiter and caller.counters then
    limit_rate(var, caller)
  end

  if view.quotas then
    enforce(view.quotas, var, caller, session, profile)
  end

  if decision ~= SKIP then
    check_client(profile, var, caller)

    if decision == COUNTS and profile.counts then
      local method = get_method()
      if method == "GET" or method == "HEAD" then
        return fake_counts.answer(profile.counts, var.http_accept)
      end
    end
  end

  return caller
end


function _M.run()
  local rules = config.current()
  if not rules then
    return deny.unavailable()
  end

  local var = ngx.var
  local sender, is_rare = request.sender(rules, var)
  local is_probe = is_rare and probe.is_probe(var)
  local profile = sender.server.profile
  local route = profile.routes:read(var, is_rare)
  local args = route.item and query.read(var)
  local streams_count = route.plays and (profile.streams or rules.streams)
  local caller = check(sender, route, var, args, streams_count)

  if is_probe then
    return ngx.exit(ngx.HTTP_NO_CONTENT)
  end

  local report
  if route.reports and get_method() == "POST" then
    report = reports.read(var)
    entry.write_report(var, reports.json(route.reports, report))
  end

  if streams_count then
    streams.check(profile.streams, rules.streams, var, caller, route, args,
                  report)
  end

  if route.logs_in then
    login.prepare(var)
  end
end


return _M
