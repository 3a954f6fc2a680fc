-- Records purchases, each under an id of its own: `run`, the part of a thread, and a number.
local threads = 0
function setup(thread)
  thread:set("part", threads)
  threads = threads + 1
end
function init(args)
  run = args[1]
  math.randomseed(part * 7919 + tonumber(run))
  number = 0
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
end
function request()
  number = number + 1
  local body = string.format(
    '{"id":"purchase-%s-%d-%08d","member":"m%d","program":"shop","occurred_at":"2026-06-15T12:00:00Z","total":{"amount":"%d.50","asset":"EUR"},"category":"music","channel":"online"}',
    run, part, number, math.random(0, tonumber(os.getenv("BENCH_MEMBERS") or "10000") - 1), math.random(10, 99))
  return wrk.format(nil, "/purchases", nil, body)
end
function response(status, headers, body)
  if status ~= 200 then bad = (bad or 0) + 1 end
end
function done(summary, latency, requests)
  io.write(string.format("JSON {\"per_second\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"errors\": %d}\n",
    summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
