#!lua flags=allow-oom
-- What has waited too long leaves the queue undecided.
-- ARGV  [3] seconds  [4] retention
-- Returns how many; at most 1000 a call

settle()
local count = 0
for _, category in ipairs(redis.call('SMEMBERS', prefix .. ':categories')) do
  local old = redis.call('ZRANGEBYSCORE', prefix .. ':filed:' .. category, '-inf', number(now - tonumber(ARGV[3])), 'LIMIT', 0, 1000 - count)
  for _, id in ipairs(old) do
    audit('expired', '', id, bury(id, 'expired', ARGV[4]))
    count = count + 1
  end
end
return count
